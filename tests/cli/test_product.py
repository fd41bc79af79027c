import pytest

from core.app import dialects
from hub.cli.product import Product, load_product
from hub.config.problem import ConfigError


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "mxhub.yaml"
        path.write_text(text)
        return path

    return write


def problems(path):
    with pytest.raises(ConfigError) as caught:
        load_product(path, {})
    return [(one.mark.line, one.message) for one in caught.value.problems]


def test_without_its_section_there_is_no_core(config):
    settings = load_product(config("listen: 127.0.0.1:0\n"), {}).settings

    assert isinstance(settings, Product)
    assert settings.core is None


def test_an_empty_section_is_a_core_with_all_defaults(config):
    settings = load_product(config("core:\n"), {}).settings

    assert settings.core.listen == "127.0.0.1:8788"


def test_every_problem_of_the_section_is_told_with_its_line(config):
    text = "core:\n  listen: nowhere\n  quarantine_days: soon\n  nod: x\n  allow_networks: 10.0.0.1/8\n"
    found = problems(config(text))

    assert [line for line, _ in found] == [2, 3, 4, 5]
    assert "write HOST:PORT" in found[0][1]
    assert "did you mean 'node'?" in found[2][1]


def test_a_dialect_that_there_is_not_is_told_with_those_that_there_are(config, monkeypatch):
    monkeypatch.setattr(dialects, "DIALECTS", {"mailguard": "core.x:y"})
    found = problems(config("core:\ndialects:\n  mailgard: {listen: '127.0.0.1:0'}\n"))

    assert [line for line, _ in found] == [3]
    assert "known: mailguard" in found[0][1]


def test_dialects_without_a_core_are_refused(config, monkeypatch):
    monkeypatch.setattr(dialects, "DIALECTS", {"mailguard": "core.x:y"})
    found = problems(config("dialects:\n  mailguard: {listen: '127.0.0.1:0'}\n"))

    assert "add the section core" in found[0][1]


def test_a_reload_reads_the_section_again(config):
    path = config("core: {node: one}\n")
    before = load_product(path, {})
    path.write_text("core: {node: two}\n")

    assert before.reload({}).settings.core.node == "two"
