"""The scripts of docs/examples do what MXroute Manager's page promises, against a played manager."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Mapping

import pytest

from hub.sdk.testing import StrictServer
from tests.servers.curl import curl_binary
from tests.vendors.model import ROOT
from tests.vendors.played_manager import DOMAIN, TOKEN, PlayedManager

FOLDER = ROOT / "docs" / "examples"
SHELL = [pytest.mark.integration, pytest.mark.server("curl")]

HARD = r"""A"b\c $(id) `id` 'd' & €"""
Ended = tuple[int, str, str]


class Site:
    """The played manager, and how to run a script against it."""

    def __init__(self, server: StrictServer) -> None:
        self.url = server.url
        self.manager = PlayedManager(server)

    async def run(self, name: str, *arguments: str, **changes: str) -> Ended:
        """Exit code, stdout and stderr of a script; `changes` are of its environment."""
        program = ["pwsh", "-NoProfile", "-NonInteractive", "-File"] if name.endswith(".ps1") else ["sh"]
        process = await asyncio.create_subprocess_exec(
            *program, str(FOLDER / name), *arguments,
            env={**_environment(), "MXM_URL": self.url, "MXM_TOKEN": TOKEN, **changes},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


def _environment() -> Mapping[str, str]:
    """A plain one, with our curl first; PowerShell wants a home."""
    curl = curl_binary()
    path = os.environ["PATH"] if curl is None else f"{curl.parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": os.environ.get("HOME", "/tmp"), "no_proxy": "*", "LC_ALL": "C.UTF-8"}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with StrictServer() as server:
        yield Site(server)


MAILBOX = ("--domain", DOMAIN, "--username", "alex", "--password", "Abcd1234!")
ENTRY = ("--domain", DOMAIN, "--entry", "karen@hr.example.com")
BOTH = pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param("deploy-mailbox.sh", MAILBOX, marks=SHELL, id="deploy-mailbox"),
        pytest.param("blacklist-sender.sh", ENTRY, marks=SHELL, id="blacklist-sender"),
    ],
)


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_a_mailbox_is_made(site: Site) -> None:
    ended = await site.run("deploy-mailbox.sh", *MAILBOX)

    assert ended == (0, f"made alex@{DOMAIN}\n", "")
    assert site.manager.mailboxes == [
        {"username": "alex", "password": "Abcd1234!", "quota": 1024, "limit": 9600}
    ]


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_the_password_may_come_by_environment_and_figures_by_option(site: Site) -> None:
    arguments = ("--domain", DOMAIN, "--username", "alex", "--quota", "0", "--limit", "50")
    code, _, err = await site.run("deploy-mailbox.sh", *arguments, MXM_PASSWORD=HARD)

    assert (code, err) == (0, "")
    assert site.manager.mailboxes == [{"username": "alex", "password": HARD, "quota": 0, "limit": 50}]


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_a_sender_is_blocked(site: Site) -> None:
    ended = await site.run("blacklist-sender.sh", *ENTRY)

    assert ended == (0, f"blocked karen@hr.example.com for {DOMAIN}\n", "")
    assert site.manager.blocked == ["karen@hr.example.com"]


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_a_sender_that_is_blocked_stays_blocked(site: Site) -> None:
    codes = [(await site.run("blacklist-sender.sh", *ENTRY))[0] for _ in range(2)]

    assert codes == [0, 0]
    assert site.manager.blocked == ["karen@hr.example.com"]


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_hard_characters_arrive_as_they_are(site: Site) -> None:
    code, _, err = await site.run("blacklist-sender.sh", "--domain", DOMAIN, "--entry", HARD)

    assert (code, err) == (0, "")
    assert site.manager.blocked == [HARD]


@BOTH
async def test_a_refusal_ends_with_1_and_says_why(site: Site, name: str, arguments: tuple[str, ...]) -> None:
    code, out, err = await site.run(name, *arguments, MXM_TOKEN="mxm_wrong")

    assert (code, out) == (1, "")
    assert "401" in err
    assert "sign in first" in err


@BOTH
async def test_a_foreign_domain_is_refused(site: Site, name: str, arguments: tuple[str, ...]) -> None:
    code, _, err = await site.run(name, *("foreign.example" if one == DOMAIN else one for one in arguments))

    assert (code, "403" in err) == (1, True)


@BOTH
@pytest.mark.parametrize("unset", ["MXM_URL", "MXM_TOKEN"])
async def test_what_is_not_set_is_named(
    site: Site, name: str, arguments: tuple[str, ...], unset: str
) -> None:
    code, _, err = await site.run(name, *arguments, **{unset: ""})

    assert (code, unset in err) == (2, True)


@BOTH
@pytest.mark.parametrize(
    "wrong", [[], ["--domain"], ["--nothing", "x"], ["--domain", "a/../b", "--entry", "x", "--username", "x"]]
)
async def test_a_call_that_makes_no_sense_ends_with_2_and_sends_nothing(
    site: Site, name: str, arguments: tuple[str, ...], wrong: list[str]
) -> None:
    code, out, err = await site.run(name, *wrong)

    assert (code, out) == (2, "")
    assert err
    assert (site.manager.mailboxes, site.manager.blocked) == ([], [])


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_control_characters_are_not_sent(site: Site) -> None:
    code, _, err = await site.run("blacklist-sender.sh", "--domain", DOMAIN, "--entry", "a\nb")

    assert (code, "control characters" in err) == (2, True)
    assert site.manager.blocked == []


@pytest.mark.integration
@pytest.mark.server("curl")
@pytest.mark.parametrize("figure", ["", "1.5", "-1", "1,2", "many"])
@pytest.mark.parametrize("option", ["--quota", "--limit"])
async def test_a_figure_that_is_none_is_not_sent(site: Site, option: str, figure: str) -> None:
    code, _, err = await site.run("deploy-mailbox.sh", *MAILBOX, option, figure)

    assert (code, "whole numbers" in err) == (2, True)
    assert site.manager.mailboxes == []


@BOTH
async def test_a_manager_that_is_away_ends_with_3(site: Site, name: str, arguments: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        code, _, err = await site.run(name, *arguments, MXM_URL=f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert (code, "could not be reached" in err) == (3, True)


@pytest.mark.integration
@pytest.mark.server("pwsh")
async def test_a_mailbox_is_made_by_powershell(site: Site) -> None:
    code, out, err = await site.run(
        "deploy-mailbox.ps1", "-Domain", DOMAIN, "-Username", "alex", "-Password", HARD
    )

    assert (code, out.strip(), err) == (0, f"made alex@{DOMAIN}", "")
    assert site.manager.mailboxes == [{"username": "alex", "password": HARD, "quota": 1024, "limit": 9600}]


@pytest.mark.integration
@pytest.mark.server("pwsh")
async def test_a_sender_is_blocked_by_powershell(site: Site) -> None:
    arguments = ("-Domain", DOMAIN, "-Entry", "karen@hr.example.com")
    codes = [(await site.run("blacklist-sender.ps1", *arguments))[0] for _ in range(2)]

    assert (codes, site.manager.blocked) == ([0, 0], ["karen@hr.example.com"])


@pytest.mark.integration
@pytest.mark.server("pwsh")
@pytest.mark.parametrize("name", ["deploy-mailbox.ps1", "blacklist-sender.ps1"])
async def test_powershell_says_that_the_manager_refused(site: Site, name: str) -> None:
    own = ("-Username", "alex", "-Password", "x") if name.startswith("deploy") else ("-Entry", "x")
    code, _, err = await site.run(name, "-Domain", DOMAIN, *own, MXM_TOKEN="mxm_wrong")

    assert (code, "401" in err) == (1, True)


def test_every_script_that_the_page_promises_is_there_in_both_languages() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    shells = [path for path in FOLDER.glob("*.sh") if not path.stat().st_mode & stat.S_IXUSR]

    assert {
        f"{one}.{kind}" for one in ("deploy-mailbox", "blacklist-sender") for kind in ("sh", "ps1")
    } <= names
    assert shells == []
