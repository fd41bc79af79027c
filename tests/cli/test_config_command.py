from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from hub.cli import main
from hub.config.seal import new_key, unseal

TEXT = """
admin_token: hunter2-hunter2
redis_url: redis://:hunter3@cache
log: {max_bytes: 1 MiB}
sources:
  mail: {vendor: mailguard, secrets: [hunter4-hunter4], url: "https://mail.example", api_key: hunter5}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mxhub.yaml").write_text(TEXT)


def run(*arguments: str, **more):
    return CliRunner().invoke(main, ["config", *arguments], **more)


def test_show_has_everything_but_the_secrets():
    ran = run("show", "--json")

    shown = orjson.loads(ran.stdout)
    assert shown["log"]["max_bytes"] == 1024 * 1024
    assert shown["sources"]["mail"]["url"] == "https://mail.example"
    assert shown["sources"]["mail"]["api_key"] == shown["admin_token"] == "***"
    assert shown["redis_url"] == "redis://:***@cache"
    assert "hunter" not in ran.output


def test_show_speaks_yaml_too():
    ran = run("show")

    assert YAML(typ="safe").load(ran.stdout) == orjson.loads(run("show", "--json").stdout)


def test_show_of_a_broken_file_is_exit_2():
    Path("mxhub.yaml").write_text("lisen: x")

    ran = run("show")

    assert ran.exit_code == 2
    assert "unknown key 'lisen', did you mean 'listen'?" in ran.stderr


def test_the_schema_is_json_in_both_forms():
    assert orjson.loads(run("schema").stdout) == orjson.loads(run("schema", "--json").stdout)


def test_a_secret_is_sealed_from_standard_input():
    key = new_key()

    ran = run("seal", input="hunter2\n", env={"MXHUB_SEAL_KEYS": key})

    assert ran.exit_code == 0
    assert unseal(ran.stdout.strip(), {"MXHUB_SEAL_KEYS": key}) == "hunter2"


def test_sealing_needs_a_key_and_a_secret():
    without = run("seal", input="hunter2")
    empty = run("seal", input="\n", env={"MXHUB_SEAL_KEYS": new_key()})

    assert without.exit_code == empty.exit_code == 2
    assert "MXHUB_SEAL_KEYS is not set" in without.stderr
    assert "nothing to seal" in empty.stderr


def test_a_new_key_can_seal():
    key = orjson.loads(run("seal", "--new-key", "--json").stdout)["key"]

    ran = run("seal", "--json", input="a", env={"MXHUB_SEAL_KEYS": key})

    assert orjson.loads(ran.stdout)["sealed"].startswith("sealed:")
