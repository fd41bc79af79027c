"""What a process that ended left behind is finished, handed back, or cleared up."""

import errno
from contextlib import suppress

import pytest

from core.seam import files
from core.seam.recovery import RETURN_AFTER_MS, Recovery
from core.seam.relaying import LEASE_MS
from core.seam.release import MOST_ATTEMPTS
from core.store.tables import messages, quarantine_items, verdicts
from tests.factories.core import NOW_MS
from tests.factories.seam import HAM, SPAM, counted, events, files_of, hand_in


class Killed(BaseException):
    """As if the process had ended here."""


@pytest.fixture
def killed(core, monkeypatch):
    """The process ends when the message has left for the server, or before."""

    async def ended(targets, letter, *, after):
        if after:
            await sent(targets, letter)
        raise Killed

    sent = core.seam.relay.send

    def at(*, after):
        monkeypatch.setattr(core.seam.relay, "send", lambda t, one: ended(t, one, after=after))
        return lambda: monkeypatch.setattr(core.seam.relay, "send", sent)

    return at


async def crash(service_api, heal, **more):
    """Hand a message in to a process that ends; the next one starts."""
    with suppress(Exception):
        await hand_in(service_api, **more)
    heal()
    return await Recovery(service_api.core).restart()


async def row(core, table=messages):
    async with core.database.read() as tx:
        return (await tx.execute(table.select())).mappings().one()


@pytest.mark.parametrize(("after", "copies"), [(True, 2), (False, 1)])
async def test_a_message_that_was_under_way_is_finished_and_the_doubt_counted(
    service_api, core, smtp, killed, after, copies
):
    cleared = await crash(service_api, killed(after=after), key="k1")
    assert (cleared.removed, cleared.missing) == ((), ())
    assert (await row(core, verdicts))["fate"] == "relaying"
    await Recovery(core).once()

    assert (await row(core))["state"] == "done"
    assert (await row(core, verdicts))["fate"] == "relayed"
    assert len(smtp.delivered) == copies
    assert await counted(core, "possible_duplicates") == 1
    assert files_of(core) == []
    assert (await hand_in(service_api, key="k1")).data["again"]


async def test_a_sender_who_comes_again_first_gets_the_same_verdict(service_api, core, smtp, killed):
    await crash(service_api, killed(after=False), key="k1")
    said = await hand_in(service_api, key="k1")
    await Recovery(core).once()

    assert (said.status, said.data["again"], len(smtp.delivered)) == (200, True, 1)
    assert files_of(core) == []


async def test_what_cannot_be_finished_goes_back_to_the_sender(service_api, core, smtp, killed):
    await crash(service_api, killed(after=False), key="k1")
    smtp.data = "451 4.3.0 later"
    await Recovery(core).once()
    assert (await row(core))["file"] == ""

    smtp.data = ""
    said = await hand_in(service_api, key="k1")
    assert (said.status, len(smtp.delivered)) == (200, 1)


async def test_whoever_never_comes_again_has_a_message_that_failed(service_api, core, smtp):
    smtp.data = "451 4.3.0 later"
    await hand_in(service_api, key="k1")
    core.clock.advance(RETURN_AFTER_MS / 1000 + 1)
    await Recovery(core).once()

    found = await row(core, verdicts)
    assert (found["fate"], "come again" in found["fate_detail"]) == ("failed", True)
    (told,) = [data for name, data in await events(core) if name == "message.failed"]
    assert (told["recipient"], told["fate"], told["fate_detail"]) == (
        found["recipient"],
        "failed",
        found["fate_detail"],
    )
    smtp.data = ""
    assert (await hand_in(service_api, key="k1")).data["recipients"][0]["fate"] == "failed"


async def test_a_running_attempt_is_left_alone(service_api, core, smtp, killed):
    heal = killed(after=False)
    with suppress(Exception):
        await hand_in(service_api, key="k1")
    heal()

    assert await Recovery(core).once() == 0
    assert smtp.delivered == []


async def test_files_of_nobody_are_removed_and_missing_ones_told(service_api, core):
    said = await hand_in(service_api, SPAM)
    item_id = said.data["recipients"][0]["quarantine_id"]
    (known,) = files_of(core)
    await files.store(core, "quarantine", files.file_name(core, "qua_nobody"), b"x")
    await files.store(core, "spool", files.file_name(core, "msg_nobody"), b"x")
    (core.data / "spool" / "node-1" / "half.eml.tmp").write_bytes(b"x")

    cleared = await Recovery(core).restart()
    assert len(cleared.removed) == 3
    assert files_of(core) == [known]

    (core.data / known).unlink()
    cleared = await Recovery(core).restart()
    assert cleared.missing == (item_id,)


async def test_young_files_of_a_running_process_stay(core):
    await files.store(core, "quarantine", files.file_name(core, "qua_new"), b"x")
    cleared = await Recovery(core).clear(older_than_s=3600)

    assert cleared.removed == ()
    assert len(files_of(core)) == 1


async def test_files_of_another_node_are_its_own(core):
    folder = files.folder(core, "quarantine")
    folder.put("node-2/aa/qua_aa.eml", b"x")
    await Recovery(core).restart()

    assert folder.get("node-2/aa/qua_aa.eml") == b"x"


async def test_a_release_whose_process_ended_is_finished(service_api, core, smtp, killed):
    said = await hand_in(service_api, SPAM)
    item_id = said.data["recipients"][0]["quarantine_id"]
    heal = killed(after=True)
    with suppress(Exception):
        await service_api.call("POST", f"/quarantine/{item_id}/release")
    heal()
    await Recovery(core).restart()
    assert (await row(core, quarantine_items))["state"] == "releasing"
    await Recovery(core).once()

    assert (await row(core, quarantine_items))["state"] == "released"
    assert (len(smtp.delivered), await counted(core, "possible_duplicates")) == (2, 1)
    assert files_of(core) == []


async def test_a_release_without_its_file_has_failed(service_api, core, smtp):
    await hand_in(service_api, SPAM)
    (name,) = files_of(core)
    (core.data / name).unlink()
    async with core.database.begin() as tx:
        plan = {"deliveries": [{"recipient": "grace@acme.example", "address": "grace@acme.example"}]}
        await tx.execute(quarantine_items.update().values(state="releasing", plan=plan, due_ms=NOW_MS))
    await Recovery(core).once()

    found = await row(core, quarantine_items)
    assert (found["state"], found["state_detail"]) == ("release_failed", "The message's file is gone.")


async def test_a_release_whose_file_cannot_be_read_does_not_go_on_for_ever(service_api, core, smtp):
    await hand_in(service_api, SPAM)
    (name,) = files_of(core)
    (core.data / name).write_bytes(b"something else")
    async with core.database.begin() as tx:
        plan = {"deliveries": [{"recipient": "grace@acme.example", "address": "grace@acme.example"}]}
        await tx.execute(quarantine_items.update().values(state="releasing", plan=plan, due_ms=NOW_MS))
    for _ in range(MOST_ATTEMPTS + 1):
        assert (await row(core, quarantine_items))["state"] == "releasing"
        await Recovery(core).once()
        core.clock.now_ms += LEASE_MS

    found = await row(core, quarantine_items)
    assert (found["state"], "not what was stored" in found["state_detail"]) == ("release_failed", True)
    assert smtp.delivered == []


async def test_a_message_whose_spool_file_is_gone_goes_back_to_its_sender(service_api, core, smtp, killed):
    await crash(service_api, killed(after=False), raw=HAM, key="k1")
    for name in files_of(core):
        (core.data / name).unlink()
    await Recovery(core).once()
    assert (await row(core, verdicts))["fate"] == "relaying"
    assert await counted(core, "possible_duplicates") == 1

    said = await hand_in(service_api, raw=HAM, key="k1")
    assert (said.status, said.data["recipients"][0]["fate"], len(smtp.delivered)) == (200, "relayed", 1)


async def test_a_message_whose_spool_file_cannot_be_read_waits(service_api, core, smtp, killed, monkeypatch):
    await crash(service_api, killed(after=False), key="k1")

    async def no_descriptors(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as trouble:
        trouble.setattr(files, "load", no_descriptors)
        await Recovery(core).once()
    assert len(files_of(core)) == 1
    await Recovery(core).once()

    assert (await row(core, verdicts))["fate"] == "relayed"
    assert len(smtp.delivered) == 1


async def test_a_message_that_cannot_be_finished_keeps_no_other_from_it(
    service_api, core, smtp, killed, monkeypatch
):
    heal = killed(after=False)
    for key in ("k1", "k2"):
        with suppress(Exception):
            await hand_in(service_api, key=key)
    await crash(service_api, heal, key="k3")
    load = files.load
    failed = []

    async def first_fails(*asked):
        if not failed:
            failed.append(asked)
            raise RuntimeError("never seen before")
        return await load(*asked)

    monkeypatch.setattr(files, "load", first_fails)
    await Recovery(core).once()

    assert len(failed) == 1
    assert len(smtp.delivered) == 2
