"""`mxhub audit verify` on a service's folder: while it runs, after it, and after each kind of tampering."""

import asyncio
import json

import pytest
from sqlalchemy import text

from core.app.service import CoreService
from core.config import CoreConfig
from core.service import alerts
from core.store.database import Database, sqlite_url
from tests.factories.audit import cut, edit, remove, swap, unguard
from tests.factories.core_api import OPERATOR_BY
from tests.factories.process import MXHUB

pytestmark = pytest.mark.acceptance
TENANT = "default"


async def verified(folder):
    """Exit code, and the findings as `(kind, first, last)`."""
    command = (MXHUB, "audit", "verify", "--data", str(folder), "--json")
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, problem = await child.communicate()
    assert child.returncode in (0, 1), problem.decode()
    return child.returncode, [(one["kind"], one["first"], one["last"]) for one in json.loads(out)]


async def work(core, count=5):
    for _ in range(count):
        async with core.database.begin() as tx:
            await alerts.add_rule(core, tx, OPERATOR_BY, alerts.RuleSettings(type="volume"))


@pytest.fixture
async def folder(tmp_path, buckets):
    """Of a service that ran, worked and stopped; it held while it ran."""
    data = tmp_path / "core"
    async with CoreService(CoreConfig(listen="127.0.0.1:0"), data, buckets, environ={}) as service:
        await work(service.core)
        assert await verified(data) == (0, [])
    assert await verified(data) == (0, [])
    return data


@pytest.mark.parametrize(
    ("how", "arguments", "finding"),
    [
        (edit, (2,), ("edited", 2, 2)),
        (remove, (2, 3), ("removed", 2, 3)),
        (swap, (2, 3), ("reordered", 2, 2)),
        (cut, (3,), ("truncated", 4, 5)),
    ],
    ids=["edited", "removed", "reordered", "truncated"],
)
async def test_tampering_is_found_and_placed(folder, how, arguments, finding):
    values = {"actor": "nobody"} if how is edit else {}
    async with Database(sqlite_url(folder / "core.sqlite3")) as database, database.begin() as tx:
        await unguard(tx)
        await how(tx, TENANT, *arguments, **values)

    code, findings = await verified(folder)
    assert code == 1
    kind, first, last = finding
    placed = [one for one in findings if one[0] == kind]
    assert placed[0][1] == first
    assert placed[-1][2] >= last


async def test_an_anchor_that_was_edited_is_found(folder):
    (path,) = (folder / "anchors").glob("anchors-*")
    path.write_bytes(path.read_bytes().replace(b'"t":"default"', b'"t":"defaulT"', 1))

    code, findings = await verified(folder)
    assert code == 1
    assert "anchors" in {kind for kind, _, _ in findings}


async def test_a_service_goes_on_with_the_log_that_it_left(folder, buckets):
    async with CoreService(CoreConfig(listen="127.0.0.1:0"), folder, buckets, environ={}) as service:
        await work(service.core, 2)
        async with service.core.database.read() as tx:
            seqs = (await tx.execute(text("SELECT seq FROM audit_entries ORDER BY seq"))).scalars().all()

    assert seqs == list(range(1, len(seqs) + 1))
    assert await verified(folder) == (0, [])
