"""`mxhub licence`: what it writes is a licence to the core, and only by the key that signed it."""

import orjson
import pytest
from click.testing import CliRunner

from core.detectors.licence_file import BadLicence, load
from core.store.clock import from_iso
from hub.cli.licence import licence


def run(*arguments):
    return CliRunner().invoke(licence, [str(one) for one in arguments])


@pytest.fixture
def key(tmp_path):
    """A private key's file, and the public key."""
    made = run("new-key", tmp_path / "sign.key")
    assert made.exit_code == 0, made.output
    return tmp_path / "sign.key", made.stdout.strip()


def sign(file, key, *more, holder="Acme", max_domains=50):
    given = ("--key", key, "--holder", holder, "--max-domains", max_domains, "--valid-until", "2027-01-31")
    return run("sign", file, *given, *more)


def test_a_signed_file_is_a_licence_to_the_core(tmp_path, key):
    private, public = key
    made = sign(tmp_path / "acme.licence", private, "--id", "lic_1")
    found = load(tmp_path / "acme.licence", [public])

    assert made.exit_code == 0, made.output
    assert (found.id, found.holder, found.tier, found.max_domains) == ("lic_1", "Acme", "standard", 50)
    assert found.valid_until_ms == from_iso("2027-01-31T23:59:59Z")


def test_another_key_does_not_confirm_it(tmp_path, key):
    other = run("new-key", tmp_path / "other.key").stdout.strip()
    sign(tmp_path / "acme.licence", key[0])

    with pytest.raises(BadLicence, match="not signed by a key that is trusted"):
        load(tmp_path / "acme.licence", [other])


def test_a_key_is_its_owners_only_and_never_overwritten(tmp_path, key):
    before = key[0].read_text()
    again = run("new-key", key[0])

    assert (key[0].stat().st_mode & 0o777, again.exit_code) == (0o600, 2)
    assert key[0].read_text() == before
    assert before.strip() not in key[1]


def test_what_was_signed_is_told_as_json(tmp_path, key):
    said = orjson.loads(sign(tmp_path / "acme.licence", key[0], "--json").stdout)

    assert (said["holder"], said["max_domains"], said["valid_until"]) == ("Acme", 50, "2027-01-31T23:59:59Z")


@pytest.mark.parametrize("holder", ["", "x" * 300])
def test_what_the_core_would_refuse_is_not_written(tmp_path, key, holder):
    said = sign(tmp_path / "acme.licence", key[0], holder=holder)

    assert (said.exit_code, (tmp_path / "acme.licence").exists()) == (2, False)
    assert "holder" in said.output


def test_a_file_that_is_no_key_is_named(tmp_path):
    (tmp_path / "sign.key").write_text("whsk_no")

    assert "whsk_" in sign(tmp_path / "acme.licence", tmp_path / "sign.key").output
