"""Exactly one way to post, own templates beside the configuration, and clear words for mistakes."""

import subprocess
import sys

import pytest

from connectors.slack import SlackOptions
from hub.app.connectors import lane_of
from hub.config import load_text
from hub.config.load import load
from hub.config.problem import ConfigError
from hub.registry import Registry

HOOK = "https://hooks.slack.com/services/T000/B000/secret-part"
BOT = {"token": "xoxb-secret-part", "channel": "C0123456789"}


@pytest.mark.parametrize("options", [{"webhook_url": HOOK}, BOT, {**BOT, "channel": "#alerts"}])
def test_one_way_to_post_is_enough(options):
    assert SlackOptions.model_validate(options).templates is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "write either webhook_url, or token and channel"),
        ({"webhook_url": HOOK, **BOT}, "write either"),
        ({"token": BOT["token"]}, "token and channel belong together"),
        ({"webhook_url": HOOK, "channel": "C1"}, "a webhook's channel is chosen in Slack"),
        ({"webhook_url": HOOK, "api_url": "https://p.example/api"}, "api_url belongs to token"),
        ({"webhook_url": "hooks.slack.com/services/secret-part"}, "begins with https://"),
        ({"webhook_url": "https://hooks.slack.com/triggers/T/1/secret-part"}, "starts a workflow"),
        ({"webhook_url": "https://[secret-part"}, "no URL"),
        ({**BOT, "token": "xapp-secret-part"}, "app-level token"),
        ({**BOT, "token": "xoxb secret-part\n"}, "visible ASCII"),
        ({**BOT, "channel": "two words"}, "channel"),
        ({**BOT, "api_url": "https://user:secret-part@p.example"}, "without user"),
        ({**BOT, "details_url": "https://d.example/|x>"}, "without white space and < >"),
        ({**BOT, "details_url": "nothing"}, "begins with https://"),
        ({**BOT, "templates": "/no/such/folder"}, "cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_is_named_without_its_secret(options, words):
    with pytest.raises(ValueError, match=r".") as failed:
        SlackOptions.model_validate(options)

    assert words in str(failed.value)
    assert "secret-part" not in str(failed.value)


def config(folder):
    return f"""\
connectors:
  soc:
    kind: slack
    token: xoxb-1
    channel: C0123456789
    templates: {folder}
"""


def test_templates_lie_beside_the_file_that_names_them(tmp_path, monkeypatch):
    (tmp_path / "conf.d" / "slack").mkdir(parents=True)
    (tmp_path / "conf.d" / "slack" / "other.j2").write_text('{"text": {{ alert.title }}}')
    (tmp_path / "conf.d" / "soc.yaml").write_text(config("./slack"))
    (tmp_path / "mxhub.yaml").write_text("include: conf.d/*.yaml\n")
    monkeypatch.chdir("/")

    options = load(tmp_path / "mxhub.yaml", {}).settings.connectors["soc"].options

    assert options.templates == tmp_path / "conf.d" / "slack"
    assert set(options.overrides) == {"other"}


def test_a_changed_template_changes_the_options_so_that_a_reload_takes_it(tmp_path):
    (tmp_path / "other.j2").write_text('{"text": {{ alert.title }}}')
    before = load_text(config(tmp_path))
    same = load_text(config(tmp_path))
    (tmp_path / "other.j2").write_text('{"text": {{ alert.message or "none" }}}')
    after = load_text(config(tmp_path))

    assert before.connectors == same.connectors
    assert before.connectors != after.connectors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{\n"text": {{ alert.titel }}}',
            "other.j2 line 2: 'hub.sdk.alerts.Alert object' has no attribute 'titel'",
        ),
        ("{\n\n{% if %}", "other.j2 line 3"),
        ('{"text": "{{ alert.title }}"}', "not JSON"),
        ('{"text": "x", "blocks": [{"type": "carousel"}]}', "a block's type is one of"),
        ('{"text": {{ alert.score | round }}}', "other.j2 line 1"),
    ],
)
def test_a_broken_template_is_a_problem_of_the_configuration(tmp_path, text, words):
    (tmp_path / "other.j2").write_text(text)

    with pytest.raises(ConfigError) as failed:
        load_text(config(tmp_path))

    (problem,) = failed.value.problems
    assert words in problem.message
    assert problem.mark.line >= 2


def lane(more=""):
    settings = load_text(f"connectors: {{soc: {{kind: slack, token: xoxb-1, channel: C1{more}}}}}")
    found = lane_of("soc", settings, Registry(third_parties=lambda _: ()))
    assert found is not None
    return found


def test_it_posts_one_message_a_second_unless_told_otherwise():
    assert (lane().rate_per_s, lane().batch_events) == (1.0, 5)
    assert lane(", rate_per_s: 0.2").rate_per_s == 0.2


def test_without_match_it_gets_the_alerts():
    settings = load_text("connectors: {soc: {kind: slack, token: xoxb-1, channel: C1}}")

    assert [match.code for match in settings.connectors["soc"].match][:1] == [("quarantine.added",)]


def test_the_template_engine_is_not_loaded_to_read_a_configuration():
    script = (
        "import sys, connectors.slack as s; s.SlackOptions(token='xoxb-1', channel='C1');"
        "print([m for m in ('jinja2', 'aiohttp') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
