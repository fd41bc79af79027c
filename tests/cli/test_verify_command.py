import base64
import hmac
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from hub.cli import main

SECRET = "0123456789abcdef"
BODY = b'{"event":"quarantine.added"}'
AT_MS = 1_760_000_000_000


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mxhub.yaml").write_text(f"sources: {{mail: {{vendor: mailguard, secrets: [{SECRET}]}}}}")


def signature(secret: str = SECRET, body: bytes = BODY) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


def captured(*signatures: str, **changes: object) -> str:
    lines = [
        {
            "at_ms": AT_MS,
            "source": "mail",
            "reason": "signature_mismatch",
            "headers": {"X-MailGuard-Signature": one},
            "body_b64": base64.b64encode(BODY).decode(),
        }
        | changes
        for one in signatures
    ]
    Path("c.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)) + b"\n")
    return "c.jsonl"


def verify(*arguments: str, **env: str):
    return CliRunner().invoke(main, ["verify", *arguments], env=env)


def test_a_capture_whose_signatures_hold_is_exit_0():
    ran = verify(captured(signature()))

    assert ran.exit_code == 0
    assert "1 request to mail: the signature holds" in ran.stdout
    assert "verified by sha256-prefixed" in ran.stdout


def test_a_signature_that_does_not_hold_is_explained():
    ran = verify(captured(signature(body=BODY + b"\n")))

    assert ran.exit_code == 1
    assert "1 request to mail: the signature does not hold" in ran.stdout
    assert "most likely: sha256-prefixed: would match" in ran.stdout
    assert SECRET not in ran.output


def test_what_is_alike_is_told_once():
    ran = verify(captured(signature(), signature("other-secret-other"), signature("other-secret-other")))

    assert ran.exit_code == 1
    assert ran.stdout.count("the signature does not hold") == 1
    assert "2 requests to mail: the signature does not hold" in ran.stdout


def test_scripts_get_every_request():
    ran = verify(captured(signature(), signature("other-secret-other")), "--json")

    told = orjson.loads(ran.stdout)
    assert [one["verified"] for one in told] == [True, False]
    assert told[0]["at_ms"] == AT_MS
    assert told[1]["refused_because"] == "signature_mismatch"
    assert told[1]["trials"][0]["outcome"] == "signature_mismatch"


def test_a_secret_from_the_environment_is_tried_instead():
    file = captured(signature("rotated-rotated!"))

    assert verify(file).exit_code == 1
    assert verify(file, "--secret-env", "NEW", NEW="rotated-rotated!").exit_code == 0


def test_headers_and_body_of_their_own_files_do_without_a_configuration():
    Path("mxhub.yaml").unlink()
    Path("h.txt").write_text(f"POST /in/mail HTTP/1.1\nHost: hub\nX-MailGuard-Signature: {signature()}\n\n")
    Path("b.json").write_bytes(BODY)
    arguments = ("--headers", "h.txt", "--body", "b.json", "--vendor", "mailguard", "--secret-env", "KEY")

    assert verify(*arguments, KEY=SECRET).exit_code == 0
    assert verify(*arguments, KEY="wrong-wrong-wrong").exit_code == 1


def test_headers_may_be_json():
    Path("h.json").write_text(orjson.dumps({"x-mailguard-signature": signature()}).decode())
    Path("b.json").write_bytes(BODY)

    ran = verify(
        "--headers",
        "h.json",
        "--body",
        "b.json",
        "--source",
        "mail",
        "--at",
        "2026-05-01T08:00:00Z",
        "--json",
    )

    assert ran.exit_code == 0
    assert orjson.loads(ran.stdout)[0]["at_ms"] == 1_777_622_400_000


def test_hostile_text_of_a_header_never_reaches_the_terminal():
    ran = verify(captured("sha256=00", headers={"X-MailGuard-Sign\x1b[2J": "a\x1b[31m" * 9}))

    assert ran.exit_code == 1
    assert "\x1b" not in ran.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a capture file, or --headers FILE and --body FILE"),
        (("gone.jsonl",), "gone.jsonl cannot be read: No such file"),
        (("c.jsonl", "--body", "b"), "give a capture file"),
        (("c.jsonl", "--source", "other"), "no source 'other' is configured (known: mail)"),
        (("c.jsonl", "--vendor", "nobody"), "unknown vendor 'nobody'"),
        (("c.jsonl", "--vendor", "mailguard"), "--vendor needs --secret-env"),
        (("c.jsonl", "--secret-env", "UNSET"), "the variable UNSET is not set"),
    ],
)
def test_what_is_missing_is_said(arguments, said):
    captured(signature())

    ran = verify(*arguments)

    assert ran.exit_code == 2
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "no request was captured"),
        (b"{", "line 1 is no captured request"),
        (b"[]", "line 1 is no captured request"),
        (b'{"source":"mail"}', "the field 'at_ms' is missing"),
        (b'{"source":"m","at_ms":1,"headers":[],"body_b64":""}', "line 1 is no captured request"),
        (b'{"source":"m","at_ms":"x","headers":{},"body_b64":""}', "line 1 is no captured request"),
        (b'{"source":"m","at_ms":1,"headers":{},"body_b64":"?"}', "line 1 is no captured request"),
    ],
)
def test_a_line_that_is_no_request_is_named(line, said):
    Path("c.jsonl").write_bytes(line)

    ran = verify("c.jsonl")

    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_time_that_is_none_is_said():
    Path("h.txt").write_text("a: b")
    Path("b").write_text("")

    ran = verify("--headers", "h.txt", "--body", "b", "--source", "mail", "--at", "yesterday")

    assert ran.exit_code == 2
    assert "--at 'yesterday' is no time" in ran.stderr
