import re
import stat
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from core.app.dialects import ABOUT, DIALECTS
from hub.cli import main
from hub.cli.product import load_product
from hub.config import load


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def init(*arguments: str):
    return CliRunner().invoke(main, ["init", *arguments])


def test_it_writes_a_file_that_loads_once_its_variables_are_set():
    ran = init("--source", "mailguard", "--json")

    assert ran.exit_code == 0
    told = orjson.loads(ran.stdout)
    assert told == {"file": "mxhub.yaml", "variables": ["MAILGUARD_SECRET"]}
    settings = load("mxhub.yaml", {"MAILGUARD_SECRET": "x" * 20}).settings
    assert settings.sources["mailguard"].vendor == "mailguard"


def test_it_says_what_to_do_next():
    ran = init("--source", "mailguard", "--output", "other.yaml")

    assert "set these variables (or write the values another way): MAILGUARD_SECRET" in ran.stdout
    assert "mxhub check --config other.yaml" in ran.stdout


def test_the_file_is_its_owners_alone():
    init()

    assert stat.S_IMODE(Path("mxhub.yaml").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_kept_unless_told_otherwise():
    Path("mxhub.yaml").write_text("precious")

    kept = init("--source", "mailguard")

    assert kept.exit_code == 2
    assert "--force" in kept.stderr
    assert Path("mxhub.yaml").read_text() == "precious"
    assert init("--force").exit_code == 0
    assert Path("mxhub.yaml").read_text() != "precious"


def test_an_unknown_vendor_writes_nothing():
    ran = init("--source", "mailgard")

    assert ran.exit_code == 2
    assert "unknown vendor 'mailgard', did you mean 'mailguard'?" in ran.stderr
    assert not Path("mxhub.yaml").exists()


def test_a_folder_that_is_not_there_is_said():
    ran = init("--output", "no/where.yaml")

    assert ran.exit_code == 2
    assert "no/where.yaml cannot be written: No such file or directory" in ran.stderr


def test_the_public_url_is_written_and_named_where_webhooks_come_in():
    ran = init("--source", "mailguard", "--public-url", "https://hub.example/")

    text = Path("mxhub.yaml").read_text()
    assert ran.exit_code == 0
    assert "POST https://hub.example/in/mailguard," in text
    assert load("mxhub.yaml", {"MAILGUARD_SECRET": "x" * 20}).settings.public_url == "https://hub.example"


def test_a_public_url_that_is_none_writes_nothing():
    ran = init("--public-url", "hub.example")

    assert ran.exit_code == 2
    assert "http:// or https://" in ran.stderr
    assert not Path("mxhub.yaml").exists()


def test_the_vendors_apis_stand_beside_the_core_as_comments_that_hold_when_taken_in():
    init("--core")

    text = Path("mxhub.yaml").read_text()
    assert load_product(Path("mxhub.yaml"), {}).settings.dialects == {}
    before, _, section = text.partition("# dialects:\n")
    live = "dialects:\n" + re.sub(r"^# ", "", section, flags=re.MULTILINE)
    Path("mxhub.yaml").write_text(before + live)
    taken_in = load_product(Path("mxhub.yaml"), {}).settings.dialects
    assert set(taken_in) == set(DIALECTS) == set(ABOUT)
    assert len({one.listen for one in taken_in.values()}) == len(DIALECTS)


def test_without_the_core_there_is_nothing_for_vendors_apis_to_stand_on():
    init()

    assert "dialects" not in Path("mxhub.yaml").read_text()
