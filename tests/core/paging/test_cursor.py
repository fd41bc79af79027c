import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.paging.cursor import Cursors, Place, fingerprint
from hub.web.errors import CursorExpired, ValidationFailed

ASKED = fingerprint("verdicts:acme:newest", {"domain": "acme.example", "sender": None})
CURSORS = Cursors(b"one key")
IDS = st.one_of(st.text(max_size=40), st.integers(-(2**63), 2**63 - 1))


@given(st.integers(-(2**63), 2**63 - 1), IDS)
def test_a_cursor_gives_its_place_back(time_ms, row):
    assert CURSORS.read(CURSORS.write(Place(time_ms, row), ASKED), ASKED) == Place(time_ms, row)


@given(st.data())
def test_any_changed_character_is_refused(data):
    text = CURSORS.write(Place(1_777_620_133_000, "dom_a"), ASKED)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda one: one != text[at]))

    with pytest.raises((ValidationFailed, CursorExpired)):
        CURSORS.read(text[:at] + other + text[at + 1 :], ASKED)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda raw: raw.hex())))
def test_anything_else_is_refused(text):
    with pytest.raises((ValidationFailed, CursorExpired)):
        CURSORS.read(text, ASKED)


@pytest.mark.parametrize("cut", [1, 8, 30])
def test_a_cut_cursor_is_refused(cut):
    with pytest.raises(ValidationFailed, match=r"cursor: .*next_cursor"):
        CURSORS.read(CURSORS.write(Place(1, "a"), ASKED)[:-cut], ASKED)


def test_a_cursor_of_other_filters_is_refused():
    text = CURSORS.write(Place(1, "a"), ASKED)

    with pytest.raises(ValidationFailed, match="filters") as caught:
        CURSORS.read(text, fingerprint("verdicts:acme:newest", {"domain": "b.example"}))
    assert caught.value.details[0]["field"] == "cursor"


def test_a_cursor_of_another_tenant_is_refused():
    text = CURSORS.write(Place(1, "a"), ASKED)

    with pytest.raises(ValidationFailed, match="another list"):
        CURSORS.read(text, fingerprint("verdicts:globex:newest", {"domain": "acme.example"}))


def test_an_absent_filter_is_the_same_as_none():
    assert fingerprint("verdicts:acme:newest", {"domain": "acme.example"}) == ASKED


def test_a_cursor_of_a_key_that_is_gone_has_expired():
    with pytest.raises(CursorExpired, match="begin again"):
        CURSORS.read(Cursors(b"another key").write(Place(1, "a"), ASKED), ASKED)


def test_a_key_can_be_changed_while_cursors_are_in_use():
    text = CURSORS.write(Place(1, "a"), ASKED)

    assert Cursors(b"new key", b"one key").read(text, ASKED) == Place(1, "a")


def test_an_old_cursor_expires_where_the_list_says_so():
    text = CURSORS.write(Place(1, "a"), ASKED, now_ms=1000)

    with pytest.raises(CursorExpired, match="expired"):
        CURSORS.read(text, ASKED, now_ms=3001, max_age_ms=2000)
    assert CURSORS.read(text, ASKED, now_ms=3000, max_age_ms=2000) == Place(1, "a")


def test_a_cursor_of_another_release_has_expired():
    import base64

    raw = base64.urlsafe_b64decode(CURSORS.write(Place(1, "a"), ASKED) + "==")
    text = base64.urlsafe_b64encode(b"\x02" + raw[1:]).decode().rstrip("=")

    with pytest.raises(CursorExpired, match="another release"):
        CURSORS.read(text, ASKED)


def test_cursors_need_a_key():
    with pytest.raises(ValueError, match="key"):
        Cursors()
