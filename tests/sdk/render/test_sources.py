"""Where templates come from."""

import pytest

from hub.sdk.alerts import KINDS
from hub.sdk.render.sources import read_folder, read_package


def test_the_built_in_templates_are_there_for_every_kind():
    assert set(read_package("templates", "slack")) == set(KINDS)


def test_a_folder_gives_its_templates_by_name(tmp_path):
    (tmp_path / "quarantine.added.j2").write_text("a")
    (tmp_path / "_part.j2").write_text("b")
    (tmp_path / "notes.txt").write_text("c")

    found = read_folder(tmp_path, KINDS)

    assert {name: source.text for name, source in found.items()} == {"quarantine.added": "a", "_part": "b"}
    assert found["_part"].file == str(tmp_path / "_part.j2")


def test_a_name_that_is_no_kind_is_refused(tmp_path):
    (tmp_path / "quarantine.addded.j2").write_text("a")

    with pytest.raises(
        ValueError, match=r"quarantine\.addded\.j2: nothing is called .* known: cert\.expiring"
    ):
        read_folder(tmp_path, KINDS)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="gone' cannot be read: No such file or directory"):
        read_folder(tmp_path / "gone", KINDS)


def test_a_template_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "other.j2").write_bytes(b"\xff\xfe")

    with pytest.raises(ValueError, match=r"no UTF-8 text"):
        read_folder(tmp_path, KINDS)
