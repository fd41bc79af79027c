import pytest

from hub.config import load_text
from hub.config.load import installed
from hub.config.template import template, variables
from hub.sdk.alerts import ALERT_MATCH
from tests.factories.config import FakeRegistry


def filled(text: str, registry, examples=()):
    values = dict.fromkeys(variables(text), "a-value-of-16-chars") | dict(examples)
    return load_text(text, values, registry=registry)


def examples_of(kind, registry):
    """Values that fit, for the options that do not take just any text."""
    fields = registry.connector(kind).options.model_fields
    return {f"{kind}_{name}".upper(): field.examples[0] for name, field in fields.items() if field.examples}


def test_the_template_loads_once_its_variables_are_set():
    registry = FakeRegistry()
    text = template(["acme", "acme"], ["pipe"], registry)

    settings = filled(text, registry)

    assert sorted(settings.sources) == ["acme", "acme-2"]
    assert settings.connectors["pipe"].options.model_dump()["url"] == "https://pipe.example"
    assert variables(text) == ["ACME_SECRET", "ACME_2_SECRET"]


def test_every_option_is_there_with_its_meaning():
    text = template(["acme"], ["pipe"], FakeRegistry())

    for key in ("url", "api_key", "page_size", "password", "retries", "match", "from", "admin_token"):
        assert any(line.lstrip(" #").startswith(f"{key}:") for line in text.splitlines()), key
    assert "# page_size: 100" in text
    assert "# entries a page" in text


def test_what_is_commented_out_holds_when_it_is_taken_in():
    registry = FakeRegistry()
    lines = template(["acme"], ["pipe"], registry).splitlines()
    known = (
        "url",
        "api_key",
        "page_size",
        "tenant",
        "password",
        "retries",
        "match",
        "from",
        "listen",
        "data",
    )
    live = [
        line.replace("# ", "", 1) if line.lstrip().startswith(tuple(f"# {key}:" for key in known)) else line
        for line in lines
    ]

    settings = filled("\n".join(live), registry)

    assert settings.sources["acme"].options.model_dump()["page_size"] == 100
    assert settings.connectors["pipe"].match[0].code == ("quarantine.*",)


@pytest.mark.parametrize("name", installed().sources())
def test_the_template_of_a_real_vendor_loads(name):
    assert filled(template([name], [], installed()), installed()).sources


@pytest.mark.parametrize("name", installed().connectors())
def test_the_template_of_a_real_destination_loads(name):
    registry = installed()

    assert filled(template([], [name], registry), registry, examples_of(name, registry)).connectors


def test_a_match_that_is_left_out_says_what_a_connector_gets_then():
    registry = installed()
    for kind in registry.connectors():
        text = " ".join(line.strip(" #") for line in template([], [kind], registry).splitlines())

        assert ("when left out everything" in text) != registry.connector(kind).alerting
        for condition in ALERT_MATCH if registry.connector(kind).alerting else ():
            assert " ".join(condition.values()) in text
