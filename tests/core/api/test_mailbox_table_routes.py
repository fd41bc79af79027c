"""Tables of mailboxes over the API: preview, import, export."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.service.mailbox_csv import COLUMNS, parse
from hub.sdk.testing import Reply
from hub.web.errors import ValidationFailed
from tests.factories.hosting import add_domain, audit_entries, far, hosted

__all__ = ["far", "hosted"]

PREVIEW = "/email-accounts/import/preview"
IMPORT = "/email-accounts/import"
ALL = "/domains/example.com/email-accounts"
PASSWORD = "Abcd123!"
HEAD = ",".join(COLUMNS)


def row(username, **more):
    return {"username": username, "password": PASSWORD, "domain": "example.com", **more}


async def send_csv(api, path, text):
    return await api.call("POST", path, data=text.encode(), headers={"Content-Type": "text/csv"})


async def test_a_preview_says_of_each_row_what_would_become_of_it(hosted):
    await hosted.call("POST", ALL, {"username": "there", "password": PASSWORD})
    rows = [
        row("good"),
        row("there"),
        row("good"),
        row("none", password=""),
        row("bad name", quota="much"),
        row("far", domain="foreign.example"),
    ]
    said = await hosted.call("POST", PREVIEW, {"rows": rows})

    assert said.status == 200
    assert said.data["summary"] == {
        "total": 6,
        "valid": 1,
        "invalid": 5,
        "needs_password": 1,
        "already_exists": 1,
        "duplicate_in_csv": 1,
    }
    good, there, twice, none, bad, foreign = said.data["rows"]
    assert (good["valid"], good["quota"], good["limit"], good["errors"]) == (True, 1024, 9600, [])
    assert (there["already_exists"], twice["duplicate_in_csv"], none["needs_password"]) == (True, True, True)
    assert [text.partition(":")[0] for text in bad["errors"]] == ["username", "quota"]
    assert foreign["errors"] == ["domain: there is no foreign.example on which you may make mailboxes"]
    assert PASSWORD not in said.raw.decode()
    assert (await hosted.call("GET", ALL)).pagination["total"] == 1


async def test_a_preview_asks_for_the_same_permission_as_making(hosted):
    key = await hosted.key("emails", domains=["second.example"])
    said = await hosted.call("POST", PREVIEW, {"rows": [row("good")]}, key=key)

    assert [each["valid"] for each in said.data["rows"]] == [False]


async def test_a_key_that_may_only_read_previews_nothing(hosted):
    key = await hosted.key("emails:read")
    assert (await hosted.call("POST", PREVIEW, {"rows": []}, key=key)).status == 403


async def test_mailboxes_that_the_caller_names_need_no_question(far):
    far.played.always = Reply(status=500)
    body = {"rows": [row("alice")], "existing_by_domain": {"Example.com": ["Alice"]}}
    said = await far.api.call("POST", PREVIEW, body)

    assert (said.status, said.data["rows"][0]["already_exists"]) == (200, True)


async def test_a_default_domain_holds_for_rows_without_one(hosted):
    body = {"default_domain": "EXAMPLE.com", "rows": [{"username": "alice", "password": PASSWORD}]}
    said = await hosted.call("POST", PREVIEW, body)

    assert [(each["domain"], each["valid"]) for each in said.data["rows"]] == [("example.com", True)]


async def test_more_rows_than_allowed_are_refused(hosted):
    said = await hosted.call("POST", PREVIEW, {"rows": [row(f"u{n}") for n in range(251)]})
    text = "\r\n".join([HEAD, *(f"u{n},,,,," for n in range(251))])
    again = await send_csv(hosted, PREVIEW, text)

    assert (said.status, said.error["details"][0]["field"]) == (400, "rows")
    assert (again.status, again.error["details"][0]["field"]) == (400, "rows")


async def test_a_csv_text_is_taken_as_rows(hosted):
    text = f"{HEAD}\r\nalice,{PASSWORD},1024,9600,,example.com\r\n\r\nbob,,,,,example.com\r\n"
    said = await send_csv(hosted, PREVIEW, text)

    assert [(each["line"], each["username"], each["valid"]) for each in said.data["rows"]] == [
        (2, "alice", True),
        (4, "bob", False),
    ]


async def test_an_import_makes_what_is_valid_and_says_why_the_rest_is_not(hosted):
    await hosted.call("POST", ALL, {"username": "there", "password": PASSWORD})
    rows = [row("good", recovery_email="a@else.example"), row("there"), row("none", password="")]
    said = await hosted.call("POST", IMPORT, {"rows": rows})

    assert said.data["summary"] == {"total": 3, "created": 1, "skipped": 1, "failed": 1}
    assert [each["status"] for each in said.data["rows"]] == ["created", "skipped", "failed"]
    assert said.data["rows"][2]["error"] == "password: give one, or let one be made"
    made = (await hosted.call("GET", f"{ALL}/good")).data
    assert made["recovery_email"] == "a@else.example"
    assert len(await audit_entries(hosted.core, "mailbox.create")) == 2


async def test_the_same_table_twice_makes_nothing_twice(hosted):
    first = await hosted.call("POST", IMPORT, {"rows": [row("good")]})
    second = await hosted.call("POST", IMPORT, {"rows": [row("good")]})

    assert (first.data["summary"]["created"], second.data["summary"]["skipped"]) == (1, 1)


async def test_passwords_are_made_on_request_and_shown_once(hosted):
    body = {"rows": [row("one", password=""), row("two")], "generate_passwords": True}
    said = await hosted.call("POST", IMPORT, body)

    one, two = said.data["rows"]
    assert (one["status"], two["status"], two["password"]) == ("created", "created", None)
    assert len(one["password"]) > 20
    assert one["password"] not in str(await audit_entries(hosted.core))


async def test_passwords_whose_answer_was_lost_are_told_again_under_the_idempotency_key(hosted):
    body, headers = (
        {"rows": [row("one", password="")], "generate_passwords": True},
        {"Idempotency-Key": "once"},
    )
    first, again = [await hosted.call("POST", IMPORT, body, headers=headers) for _ in range(2)]
    other = await hosted.call("POST", IMPORT, {"rows": [row("two")]}, headers=headers)

    assert again.raw == first.raw
    assert first.data["rows"][0]["password"]
    assert other.status == 409
    assert len(await audit_entries(hosted.core, "mailbox.create")) == 1


async def test_after_the_host_asks_to_wait_the_rest_is_not_tried(far):
    await far.api.call("GET", ALL)
    far.played.lost = Reply(status=429, headers={"Retry-After": "60"}, json={"success": False})
    said = await far.api.call("POST", IMPORT, {"rows": [row(f"u{n}") for n in range(9)]})

    assert said.data["summary"]["failed"] == 9
    assert sum("not tried" in each["error"] for each in said.data["rows"]) >= 6


async def test_what_was_exported_can_be_imported_elsewhere(hosted):
    await add_domain(hosted.core, "second.example")
    await hosted.call("POST", ALL, {"username": "alice", "password": PASSWORD, "quota": 5})
    await hosted.call("POST", ALL, {"username": "=cmd", "password": PASSWORD})
    said = await hosted.call("GET", f"{ALL}.csv")

    assert said.headers["Content-Type"] == "text/csv"
    lines = list(csv.reader(io.StringIO(said.raw.decode())))
    assert lines == [
        list(COLUMNS),
        ["'=cmd", "", "1024", "9600", "", "example.com"],
        ["alice", "", "5", "9600", "", "example.com"],
    ]
    checked = await send_csv(hosted, PREVIEW, said.raw.decode())
    assert [each["username"] for each in checked.data["rows"]] == ["=cmd", "alice"]
    assert checked.data["summary"]["already_exists"] == 2


# -- reading tables --
def test_columns_may_be_called_and_ordered_otherwise():
    (found,) = parse(b"\xef\xbb\xbfDomain,Email,Pass\nexample.com,alice@example.com,'=x\n")

    assert (found.address, found.password, found.domain, found.line) == (
        "alice@example.com",
        "'=x",
        "example.com",
        2,
    )


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no column username"),
        (b"name\nalice\n", "'name' is not known"),
        (b"username,user\na,b\n", "stands twice"),
        (b"username\na,b\n", "line 2 has more cells"),
        (b'username\n"a\n', "line 2"),
        (b"username\n\xff\n", "UTF-8"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(raw, says):
    with pytest.raises(ValidationFailed, match=says):
        parse(raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_refusal(raw):
    found, refused = (), False
    try:
        found = parse(b"username,password\n" + raw)
    except ValidationFailed:
        refused = True

    assert refused or all(each.line is not None and each.line > 1 for each in found)
