from concurrent.futures import ThreadPoolExecutor

import pytest

from core.audit.keys import BadKey, derive, load

LONG = "0123456789abcdef0123456789abcdef"


def test_a_key_is_made_at_the_first_start_and_kept(tmp_path):
    data = tmp_path / "core"

    first = load(data, {})

    assert len(first) == 64
    assert load(data, {}) == first
    assert [path.name for path in data.iterdir()] == ["audit.key"]
    assert (data / "audit.key").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_at_once_get_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load(tmp_path, {}), range(16)))

    assert len(keys) == 1


def test_the_environment_goes_before_the_file(tmp_path):
    (tmp_path / "named").write_text(f"{LONG}-named\n")

    assert load(tmp_path, {"MXHUB_AUDIT_KEY": LONG, "MXHUB_AUDIT_KEY_FILE": "x"}) == LONG.encode()
    assert load(tmp_path, {"MXHUB_AUDIT_KEY_FILE": str(tmp_path / "named")}) == f"{LONG}-named".encode()
    assert not (tmp_path / "audit.key").exists()


def test_a_short_key_is_refused(tmp_path):
    with pytest.raises(BadKey, match="MXHUB_AUDIT_KEY holds 5 characters"):
        load(tmp_path, {"MXHUB_AUDIT_KEY": "short"})


def test_a_key_that_others_can_read_is_refused(tmp_path):
    load(tmp_path, {})
    (tmp_path / "audit.key").chmod(0o644)

    with pytest.raises(BadKey, match="chmod 600"):
        load(tmp_path, {})


def test_a_key_file_of_no_text_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff" * 64)

    with pytest.raises(BadKey, match="no text"):
        load(tmp_path, {"MXHUB_AUDIT_KEY_FILE": str(tmp_path / "binary")})


def test_keys_of_two_purposes_differ():
    assert derive(b"key", "entries") != derive(b"key", "anchors")
