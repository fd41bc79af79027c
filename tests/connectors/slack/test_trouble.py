"""Whose trouble an answer is, and what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.slack.trouble import Answer, judge
from hub.model.outcome import Blocked, Delivered, Rejected
from hub.sdk.blame import Doubt

AUTH = [
    "not_authed",
    "invalid_auth",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "not_allowed_token_type",
    "access_denied",
    "no_permission",
    "two_factor_setup_required",
    "ekm_access_denied",
]
TARGET = [
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "restricted_action_thread_only_channel",
    "cannot_reply_to_message",
    "team_not_found",
    "messages_tab_disabled",
]
CONTENT = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "invalid_arg_name",
    "invalid_charset",
]
BUSY = [
    "ratelimited",
    "rate_limited",
    "service_unavailable",
    "request_timeout",
    "message_limit_exceeded",
    "team_added_to_org",
    "org_login_required",
]
OWN = ["internal_error", "fatal_error", "rollup_error", "something_new"]
WEBHOOK = [
    (400, "user_not_found"),
    (403, "action_prohibited"),
    (403, "invalid_token"),
    (404, "channel_not_found"),
    (404, "no_service"),
    (404, "no_team"),
    (404, "no_active_hooks"),
    (410, "channel_is_archived"),
    (403, "posting_to_general_channel_denied"),
    (403, "team_disabled"),
]


def test_ok_is_delivered():
    assert judge(Answer(200, "ok")) == Delivered()


@pytest.mark.parametrize("word", AUTH + TARGET)
def test_a_token_or_a_channel_in_trouble_blocks_and_says_what_to_do(word):
    outcome = judge(Answer(200, word))

    assert isinstance(outcome, Blocked)
    assert outcome.reason.startswith(f"200 {word}: ")
    assert len(outcome.reason) > len(word) + 20


@pytest.mark.parametrize(("status", "word"), WEBHOOK)
def test_a_webhook_in_trouble_blocks_and_says_what_to_do(status, word):
    for seen in (status, 400, 500):
        outcome = judge(Answer(seen, word))
        assert isinstance(outcome, Blocked)
        assert outcome.reason.startswith(f"{seen} {word}: ")


@pytest.mark.parametrize("word", [*CONTENT, "invalid_payload"])
def test_a_message_that_slack_does_not_take_is_refused(word):
    assert isinstance(judge(Answer(200, word)), Rejected)
    assert isinstance(judge(Answer(400, word)), Rejected)


@pytest.mark.parametrize("word", BUSY)
def test_a_slack_that_asks_to_wait_blocks(word):
    assert isinstance(judge(Answer(200, word)), Blocked)


def test_retry_after_is_kept_to():
    assert judge(Answer(429, "ratelimited", retry_after_s=30)).probe_after_s == 30
    assert judge(Answer(429, "", retry_after_s=7)).probe_after_s == 7
    assert judge(Answer(200, "ratelimited")).probe_after_s is None


def test_a_migration_is_waited_for_long():
    assert judge(Answer(200, "team_added_to_org", retry_after_s=5)).probe_after_s == 3600


@pytest.mark.parametrize("word", OWN)
def test_an_error_of_slacks_own_may_be_anybodys(word):
    assert isinstance(judge(Answer(200, word)), Doubt)
    assert isinstance(judge(Answer(500, word)), Doubt)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "not Slack's"),
        (301, "redirects are not followed"),
        (401, "new token"),
        (404, "new incoming webhook"),
        (500, "is down"),
        (503, "is down"),
    ],
)
def test_an_answer_without_a_word_is_judged_by_its_status(status, words):
    outcome = judge(Answer(status, ""))

    assert isinstance(outcome, Blocked)
    assert words in outcome.reason


def test_ok_under_another_status_is_not_slacks():
    assert isinstance(judge(Answer(502, "ok")), Blocked)


@given(st.integers(100, 599), st.from_regex(r"[a-z][a-z0-9_]{0,20}|", fullmatch=True))
def test_every_answer_has_one_line_of_reason(status, word):
    outcome = judge(Answer(status, word))

    if not isinstance(outcome, Delivered):
        assert outcome.reason.isprintable()
        assert str(status) in outcome.reason
