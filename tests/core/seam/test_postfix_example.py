"""The script that hands in Postfix's mail tells each fate, and never ends with 0 without one."""

import asyncio
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from core.store.tables import messages
from hub.sdk.testing import Reply, StrictServer
from tests.factories.seam import HAM, SPAM, set_domain

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "docs/examples/postfix-mxhub.py"
PAGE = ROOT / "docs/howto/own-domains.md"
CALL = {
    "queue-id": "4ZzQ1x",
    "sender": "jonas@partner.example",
    "client": "192.0.2.9",
    "helo": "mail.example",
}


class Site:
    """Where mxhub is, the file with the key, and how to run the script."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        self.url = url
        self.key_file = folder / "key"
        self.key_file.write_text(f"{key}\n")

    async def run(self, message: bytes = HAM, recipient: str = "grace@acme.example", **changes: str):
        """Exit code and what was printed."""
        named = {"url": self.url, "key-file": str(self.key_file), **CALL}
        named |= {name.replace("_", "-"): value for name, value in changes.items()}
        words = [word for name, value in named.items() for word in (f"--{name}", value)]
        return await run(*words, "--", recipient, message=message)


async def run(*words: str, message: bytes = HAM) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", str(SCRIPT), *words,
        env={"PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(message)
    assert err == b""
    return process.returncode, out.decode()


@pytest.fixture
async def site(service_api, tmp_path):
    key = await service_api.key("messages:create", domains=["acme.example"])
    return Site(str(service_api.client.make_url("")), key, tmp_path)


async def kept(core):
    """Messages of which the filter knows."""
    async with core.database.read() as tx:
        return (await tx.execute(messages.select())).mappings().all()


# -- each fate --
async def test_mail_that_was_relayed_is_done(site, smtp):
    assert await site.run() == (0, "2.0.0 relayed: 250 2.0.0 queued as 4711\n")
    assert [(one.sender, one.recipients) for one in smtp.delivered] == [
        ("jonas@partner.example", ("grace@acme.example",))
    ]
    assert b"from mail.example (unknown [192.0.2.9])" in smtp.delivered[0].message
    assert smtp.delivered[0].message.endswith(HAM)


async def test_mail_that_is_held_is_done(site, smtp, service_api):
    code, said = await site.run(SPAM)

    assert (code, said.split(":")[0]) == (0, "2.0.0 quarantined")
    assert smtp.delivered == []
    assert len((await service_api.call("GET", "/quarantine")).data) == 1


async def test_mail_that_the_filter_refuses_goes_back_with_its_words(site, core, smtp):
    async with core.database.begin() as tx:
        await set_domain(tx, action="block")

    code, said = await site.run(SPAM)

    assert code == 77
    assert re.fullmatch(r"5\.7\.1 rejected: .+\n", said)
    assert smtp.delivered == []


async def test_mail_that_the_server_behind_refuses_goes_back_with_its_words(site, smtp):
    smtp.rcpt["grace@acme.example"] = "550 5.1.1 no such mailbox"

    assert await site.run() == (69, "5.0.0 failed: 550 5.1.1 no such mailbox\n")


async def test_mail_that_a_catch_all_throws_away_is_done(site, service_api, core):
    for method, path, body in (
        ("PATCH", "/domains/acme.example", {"mailboxes_complete": True}),
        ("PATCH", "/domains/acme.example/catch-all", {"type": "blackhole"}),
    ):
        assert (await service_api.call(method, path, body)).status == 200

    code, said = await site.run()

    assert (code, said.split(":")[0]) == (0, "2.0.0 discarded")


async def test_a_bounce_has_no_sender(site, smtp):
    assert (await site.run(sender=""))[0] == 0
    assert smtp.delivered[0].sender == ""


# -- what stays in the queue --
async def test_mail_waits_for_servers_that_cannot_take_it_now_and_is_sent_once(site, smtp, core):
    smtp.rcpt["grace@acme.example"] = "451 4.2.1 busy"

    code, said = await site.run()

    assert code == 75
    assert said.startswith("4.3.0 mxhub answered 503: ")
    assert "451 4.2.1 busy" in said
    smtp.rcpt.clear()
    assert (await site.run())[0] == 0
    assert (await site.run())[0] == 0
    assert (len(smtp.delivered), len(await kept(core))) == (1, 1)


async def test_a_queue_id_that_is_used_again_is_another_message(site, smtp):
    assert [await site.run(), await site.run(HAM + b"more\r\n")] == [
        (0, "2.0.0 relayed: 250 2.0.0 queued as 4711\n")
    ] * 2
    assert len(smtp.delivered) == 2


@pytest.mark.parametrize(
    ("recipient", "key", "words"),
    [
        ("grace@acme.example", "mfk_live_wrong", "401"),
        ("grace@other.example", "", "40[34]"),
        ("nobody", "", "400"),
    ],
    ids=["wrong key", "not a domain of ours", "no address"],
)
async def test_what_the_api_refuses_stays(site, core, recipient, key, words):
    if key:
        site.key_file.write_text(key)

    code, said = await site.run(recipient=recipient)

    assert code == 75
    assert re.match(rf"4\.3\.0 mxhub answered {words}: \w", said)
    assert await kept(core) == []


async def test_mail_of_a_domain_that_is_off_stays(site, service_api):
    await service_api.call("PATCH", "/domains/acme.example", {"status": "suspended"})

    code, said = await site.run()

    assert (code, said[:25]) == (75, "4.3.0 mxhub answered 409:")


async def test_mail_stays_while_nobody_listens(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and no listen
        code, said = await site.run(url=f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert code == 75
    assert said.startswith("4.3.0 ConnectionRefusedError")


async def test_mail_stays_while_the_key_cannot_be_read(site):
    site.key_file.unlink()

    code, said = await site.run()

    assert (code, said[:23]) == (75, "4.3.0 FileNotFoundError")


async def test_nothing_on_standard_input_is_no_message(site, core):
    assert await site.run(b"") == (75, "4.3.0 there is no message on standard input\n")
    assert await kept(core) == []


@pytest.mark.parametrize("words", [(), ("--url", "x"), ("a@acme.example", "b@acme.example"), ("--what",)])
async def test_a_wrong_call_sends_no_mail_back(words):
    code, said = await run(*words)

    assert code == 75
    assert said.startswith("4.3.0 wrong call: ")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>It works!</html>"),
        (200, b"{}"),
        (200, b'{"data": {"recipients": []}}'),
        (200, b'{"data": {"recipients": [{"fate": "none", "detail": ""}]}}'),
        (200, b'{"data": {"recipients": [{"fate": "relaying", "detail": ""}]}}'),
        (200, b'{"data": {"recipients": [{"fate": "relayed", "detail": ""}, {"fate": "failed"}]}}'),
        (202, b'{"data": {"recipients": [{"fate": "relayed", "detail": ""}]}}'),
        (302, b""),
        (413, b"<html>too large</html>"),
        (429, b'{"error": {"message": "Too many requests."}}'),
        (500, b""),
        (503, b'{"error": "later"}'),
    ],
)
async def test_an_answer_that_is_no_final_fate_leaves_the_mail_where_it_is(tmp_path, status, body):
    async with StrictServer() as server:
        server.expect("POST", "/api/v1/messages/raw", Reply(status=status, body=body))
        code, said = await Site(server.url, "key", tmp_path).run()

    assert code == 75
    assert said.startswith(f"4.3.0 mxhub answered {status}")


# -- the page --
def test_the_page_calls_the_script_as_it_is():
    """The master.cf of the page gives the script all its options, and no others."""
    (shown,) = re.findall(r"argv=\S*postfix-mxhub\.py (.+?)```", PAGE.read_text(), re.DOTALL)
    known = set(re.findall(r'add_argument\("--([\w-]+)"', SCRIPT.read_text()))

    assert set(re.findall(r"--([\w-]+) \S", shown)) == known
    assert shown.split()[-2:] == ["--", "${recipient}"]
