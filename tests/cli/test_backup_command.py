"""`mxhub backup` and `restore` against a hub in memory: what they say and leave when there is no back-up."""

from errno import EACCES

import pytest

from hub.cli import backup as backups
from hub.web.errors import ServiceUnavailable
from tests.factories.api import make_services
from tests.factories.backups import FIXTURE, made


class Given:
    """Streams these bytes, then perhaps breaks off."""

    def __init__(self, file, error=None):
        self._file, self._error = file, error

    async def stream(self):
        for at in range(0, len(self._file), 10_000):
            yield self._file[at : at + 10_000]
        if self._error is not None:
            raise self._error


@pytest.fixture
def target(tmp_path):
    return tmp_path / "a.tar"


def test_a_whole_file_appears_under_its_name_and_is_the_owners(start_hub, target):
    hub = start_hub(make_services(backups=Given(FIXTURE.read_bytes())))
    done = hub.run("backup", str(target), "--json")

    assert done.exit_code == 0
    assert '"events":50' in done.stdout
    assert target.read_bytes() == FIXTURE.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_was_left_out_is_named(start_hub, target):
    hub = start_hub(
        make_services(backups=Given(made(left_out=("mxhub.yaml: it holds a secret in plain text",))))
    )

    assert "left out: mxhub.yaml" in hub.run("backup", str(target)).stdout


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (None, 1, "redis_url"),
        (Given(made()[:-600]), 1, "cut short"),
        (Given(made(), RuntimeError("half way")), 3, "broke off"),
        (Given(b"", ServiceUnavailable("make room")), 3, "make room"),
    ],
)
def test_without_a_whole_file_nothing_is_left_and_the_reason_said(start_hub, target, given, code, said):
    done = start_hub(make_services(backups=given)).run("backup", str(target))

    assert (done.exit_code, said in done.stderr) == (code, True)
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_there_is_overwritten_only_when_told(start_hub, target):
    target.write_bytes(b"mine")
    hub = start_hub(make_services(backups=Given(made())))
    refused = hub.run("backup", str(target))
    kept = target.read_bytes()
    forced = hub.run("backup", str(target), "--force")

    assert (refused.exit_code, kept, forced.exit_code) == (2, b"mine", 0)
    assert target.read_bytes() == made()


def test_a_folder_that_is_not_there_is_named(start_hub, tmp_path):
    done = start_hub(make_services(backups=Given(made()))).run("backup", str(tmp_path / "no" / "a.tar"))

    assert done.exit_code == 2
    assert f"{tmp_path / 'no'} is no folder that is there" in done.stderr
    assert ".part" not in done.stderr


def test_a_folder_that_takes_no_file_is_named(start_hub, target, monkeypatch):
    def refused(path, *_):
        raise PermissionError(EACCES, "Permission denied", str(path))

    hub = start_hub(make_services(backups=Given(made())))
    monkeypatch.setattr(backups, "_receive", lambda _, part, __: refused(part))
    done = hub.run("backup", str(target))

    assert (done.exit_code, done.stderr) == (2, f"mxhub: {target.parent}: Permission denied\n")
