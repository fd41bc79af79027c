import hashlib
import stat

import orjson
import pytest

from tests.factories.api import make_services


def test_file_and_manifest_agree(hub, tmp_path):
    target = tmp_path / "out.ndjson"
    result = hub.run("export", "--output", str(target), "--code", "message.delivered")
    manifest = orjson.loads((tmp_path / "out.ndjson.manifest.json").read_bytes())
    body = target.read_bytes()

    assert result.exit_code == 0
    assert manifest["file"] == "out.ndjson"
    assert manifest["count"] == body.count(b"\n") > 0
    assert manifest["sha256"] == hashlib.sha256(body).hexdigest()
    assert manifest["query"]["code"] == ["message.delivered"]
    assert manifest["gaps"] == []
    assert b"mxhub_manifest" not in body


def test_only_the_owner_can_read_what_was_exported(hub, tmp_path):
    target = tmp_path / "out.csv"
    hub.run("export", "--format", "csv", "-o", str(target))

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text().startswith("time,recorded,id,")


def test_gaps_are_told(start_hub, tmp_path):
    services = make_services()
    services.archive.oldest = 9
    result = start_hub(services).run("export", "-o", str(tmp_path / "x"))

    assert "gap: 1 to 8: retention" in result.stdout


def test_an_export_that_breaks_off_leaves_nothing(start_hub, tmp_path):
    services = make_services(events=600)
    services.archive.broken = True
    result = start_hub(services).run("export", "-o", str(tmp_path / "x"))

    assert result.exit_code in {1, 3}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["sha256", "cut"])
def test_what_does_not_hold_is_not_kept(hub, tmp_path, monkeypatch, damage):
    from hub.cli.client import Client

    real = Client.lines

    def lines(self, path, params=None):
        *body, last = real(self, path, params)
        yield from body if damage == "cut" else body[1:]
        if damage == "sha256":
            yield last

    monkeypatch.setattr(Client, "lines", lines)
    result = hub.run("export", "-o", str(tmp_path / "x"))

    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_forced(hub, tmp_path):
    target = tmp_path / "x"
    target.write_text("mine")
    refused = hub.run("export", "-o", str(target))
    kept = target.read_text()
    forced = hub.run("export", "-o", str(target), "--force")

    assert (refused.exit_code, kept) == (2, "mine")
    assert forced.exit_code == 0


def test_a_folder_that_is_not_there_is_a_usage_error(hub, tmp_path):
    result = hub.run("export", "-o", str(tmp_path / "no" / "x"))

    assert result.exit_code == 2
    assert "No such file" in result.stderr
