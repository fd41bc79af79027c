"""A user's template stands in for the built-in one, and never loses an event."""

import logging

import pytest

from connectors.slack.message import Messages, check_overrides
from hub.sdk.alerts import KINDS
from hub.sdk.render.sources import Source
from tests.factories.events import make_entry
from tests.factories.slack_blocks import mentions, refusal, texts

QUARANTINED = make_entry(1, code="quarantine.added", subject="<!channel> *x*")


def overrides(text, kind="quarantine.added", **others):
    return {name: Source(f"/etc/mxhub/{name}.j2", each) for name, each in {kind: text, **others}.items()}


def message_of(text, entry=QUARANTINED, **others):
    message = Messages(overrides(text, **others), None).of(entry)
    assert refusal(message) is None
    return message


def section(text):
    before = '{"text": "t", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": '
    return f"{before}{text}}}}}]}}"


def said(message):
    return "\n".join(text for text, _ in texts(message))


def test_an_own_template_stands_in_for_its_kind_alone():
    messages = Messages(overrides('{"text": "mine"}'), None)

    assert messages.of(QUARANTINED) == {"text": "mine", "blocks": []}
    assert messages.of(make_entry(1, code="other"))["blocks"]


def test_a_fact_calls_nobody_wherever_a_template_puts_it():
    message = message_of(section("{{ '*Subject* ' ~ alert.subject }}"))

    assert message["blocks"][0]["text"]["text"] == "*Subject* &lt;!channel&gt; *x*"
    assert mentions(message) == []


def test_what_the_template_says_itself_acts():
    assert mentions(message_of(section('{{ "<!here> " ~ alert.subject }}'))) == ["<!here>"]


def test_a_cut_in_the_template_splits_no_entity():
    message = message_of(section("{{ alert.subject[:3] ~ alert.subject | truncate(4, True, '') }}"))

    assert message["blocks"][0]["text"]["text"] == "&lt;!c&lt;!ch"


def test_an_own_template_can_include_the_built_in_one_and_parts():
    message = message_of('{% include "built-in/quarantine.added" %}', _part="x")

    assert message == Messages({}, None).of(QUARANTINED)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 1 / (alert.count - 1) }}",
        '{"blocks": [{"type": "carousel"}]}',
        '{"text": ""}',
        "{{ alert.nothing }}",
        "no json",
    ],
)
def test_one_that_fails_on_an_event_leaves_it_to_the_built_in_one_and_says_so(text):
    message = message_of(text)

    assert "its own template failed, this is the built-in one" in said(message)
    assert "<!channel> *x*" in said(message)


def test_a_failure_is_logged_once_with_file_and_line(capsys, caplog):
    caplog.set_level(logging.WARNING)
    messages = Messages(overrides("\n{{ alert.nothing }}"), None)
    for _ in range(3):
        messages.of(QUARANTINED)

    logged = capsys.readouterr().out + caplog.text
    assert logged.count("slack.template.failed") == 1
    assert "/etc/mxhub/quarantine.added.j2 line 2" in logged


@pytest.mark.parametrize("kind", KINDS)
def test_the_built_in_templates_pass_the_trial_of_own_ones(kind):
    from hub.sdk.render.sources import read_package

    own = read_package("templates", "slack")

    check_overrides({kind: own[kind]})
    assert refusal(Messages({kind: own[kind]}, None).of(make_entry(1, code=kind))) is None


def test_a_trial_finds_what_fails_only_on_an_event_that_says_nothing():
    with pytest.raises(ValueError, match=r"quarantine\.added\.j2 line 1"):
        check_overrides(overrides('{"text": {{ "%.1f" | format(alert.score) }}}'))
