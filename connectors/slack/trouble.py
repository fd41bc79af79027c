"""What Slack's answers mean: whose trouble it is, and what to do.

An answer is judged by its word first, since statuses differ between reports. Words: the errors of
chat.postMessage (docs.slack.dev/reference/methods/chat.postMessage) and of incoming webhooks
(docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, "Handling errors").
"""

from dataclasses import dataclass
from typing import Final

from hub.model.outcome import Blocked, Delivered, Outcome, Rejected
from hub.sdk.blame import Doubt

__all__ = ["Answer", "judge"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in terms of both ways to post."""

    status: int
    word: str
    """The error, e.g. `invalid_auth`; `ok`; empty when the answer is not Slack's."""
    detail: str = ""
    """One printable line that Slack said besides."""
    retry_after_s: float | None = None


_AUTH: Final = "make a new token (or webhook) in Slack, put it in the configuration and reload"
_SCOPE: Final = "add the scope chat:write under OAuth & Permissions and reinstall the app"
_POLICY: Final = "the workspace's settings forbid it: ask its administrator, or choose another channel"
_GONE: Final = "the webhook or its app was removed: make a new incoming webhook and reload"
_TEAM: Final = "the workspace is gone or disabled: make a new app or webhook where it lives now"
_CHANNEL: Final = "check channel (its ID is best); into a private channel, invite the bot with /invite"
_ARCHIVED: Final = "the channel is archived: unarchive it, or choose another"
_ADVICE: Final = {
    "not_authed": _AUTH,
    "invalid_auth": _AUTH,
    "token_revoked": _AUTH,
    "token_expired": _AUTH,
    "account_inactive": _AUTH,
    "invalid_token": _AUTH,
    "missing_scope": _SCOPE,
    "not_allowed_token_type": "use the bot token, which begins with xoxb-",
    "access_denied": _POLICY,
    "no_permission": _SCOPE,
    "two_factor_setup_required": _POLICY,
    "ekm_access_denied": _POLICY,
    "accesslimited": _POLICY,
    "channel_not_found": _CHANNEL,
    "not_in_channel": "invite the bot with /invite, or add the scope chat:write.public",
    "is_archived": _ARCHIVED,
    "channel_is_archived": _ARCHIVED,
    "user_not_found": _CHANNEL,
    "cannot_reply_to_message": _CHANNEL,
    "messages_tab_disabled": "the app takes no direct messages: choose a channel",
    "action_prohibited": _POLICY,
    "posting_to_general_channel_denied": _POLICY,
    "team_not_found": _TEAM,
    "no_team": _TEAM,
    "team_disabled": _TEAM,
    "no_service": _GONE,
    "no_service_id": _GONE,
    "no_active_hooks": _GONE,
    "unknown_method": "check api_url",
    "deprecated_endpoint": "check api_url",
    "method_deprecated": "check api_url",
}
_CONTENT: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "invalid_arg_name",
        "invalid_array_arg",
        "invalid_arguments",
        "invalid_charset",
        "invalid_json",
        "invalid_form_data",
        "invalid_payload",
        "json_not_object",
        "missing_post_type",
        "markdown_text_conflict",
        "slack_connect_blocked_file_type",
    }
)
_BUSY: Final = {
    "ratelimited": 0.0,
    "rate_limited": 0.0,
    "service_unavailable": 0.0,
    "request_timeout": 0.0,
    "message_limit_exceeded": 3600.0,
    "team_added_to_org": 3600.0,
    "org_login_required": 3600.0,
}
"""Slack wants us to wait: at least so many seconds."""
_RATE: Final = frozenset({"ratelimited", "rate_limited"})
_BY_STATUS: Final = {401: _AUTH, 403: _POLICY, 404: _GONE, 410: _GONE}
_OK, _TOO_MANY, _SERVER_ERRORS, _REDIRECTS = 200, 429, 500, range(300, 400)


def judge(answer: Answer) -> Outcome | Doubt:
    """The fate of the one message that was posted. An error of Slack's own, or one that is not known here,
    may be about the message or about Slack.
    """
    if answer.word == "ok" and answer.status == _OK:
        return Delivered()
    said = _said(answer)
    if answer.word in _CONTENT or answer.word.startswith("invalid_metadata"):
        return Rejected(f"Slack refuses the message: {said}")
    return _blocked(answer, said) or _by_status(answer, said)


def _blocked(answer: Answer, said: str) -> Outcome | Doubt | None:
    word = answer.word
    if word in _ADVICE:
        return Blocked(f"{said}: {_ADVICE[word]}")
    if word.startswith("restricted_action"):
        return Blocked(f"{said}: {_POLICY}")
    if word in _BUSY or answer.status == _TOO_MANY:
        wait_s = max(answer.retry_after_s or 0.0, _BUSY.get(word, 0.0))
        limited = word in _RATE or answer.status == _TOO_MANY
        return Blocked(f"{said}: Slack asks to wait", wait_s or None, limited=limited)
    if word and word != "ok":
        return Doubt(reason=f"{said}: Slack failed; it may have posted the message")
    return None


def _by_status(answer: Answer, said: str) -> Outcome:
    if answer.status in _REDIRECTS:
        return Blocked(f"{said}: redirects are not followed; write the final address")
    if answer.status >= _SERVER_ERRORS:
        return Blocked(f"{said}: Slack, or a proxy before it, is down", answer.retry_after_s)
    advice = _BY_STATUS.get(answer.status, "this answer is not Slack's: check the address")
    return Blocked(f"{said}: {advice}")


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.word}".rstrip() + (f" ({answer.detail})" if answer.detail else "")
