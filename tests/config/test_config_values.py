import pytest

from hub.config.values import check_name, host_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8787", ("127.0.0.1", 8787)),
        ("[::1]:0", ("::1", 0)),
        ("hub.example:443", ("hub.example", 443)),
    ],
)
def test_an_address_has_a_host_and_a_port(text, expected):
    assert host_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8787", ":8787", "::1:80", "a:", "a:65536", "a:-1", "a:x", "a:\u0661", "[]:1"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        host_port(text)


@pytest.mark.parametrize("name", ["a", "0", "mailguard-2", "a" * 63])
def test_names_are_plain(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a.b", "a" * 64, "ä", "a b", "a\n"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="is no name"):
        check_name(name)


def test_the_sign_of_replays_is_reserved():
    with pytest.raises(ValueError, match="reserved for replays"):
        check_name("out@1")
