"""The two ways to post: what is sent where, and what came back in terms of both."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.slack.options import SlackOptions
from connectors.slack.trouble import Answer
from hub.sdk.connector import Context
from hub.sdk.http import Client, Response
from hub.sdk.render.text import clean

__all__ = ["EVENT_TYPE", "Request", "headers_of", "object_of", "open_http", "read_answer", "request_of"]

EVENT_TYPE = "mxhub_event"
"""`metadata.event_type` of what a bot posts; its payload holds our event id."""
_MAX_ANSWER = 1024 * 1024
_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WORD_BYTES = 100
_DETAIL_CHARS = 200
_QUIET = {"unfurl_links": False, "unfurl_media": False}


def open_http(context: Context) -> Client:
    """The client for one connector; close it in the end."""
    return Client(
        deadline_s=context.deadline_s,
        max_bytes=_MAX_ANSWER,
        allow_networks=context.allow_networks,
        connections=1,
    )


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What to POST. All of it may be secret."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def headers_of(options: SlackOptions) -> dict[str, str]:
    """Content type, and for a bot its token."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if options.token is not None:
        headers["Authorization"] = f"Bearer {options.token.get_secret_value()}"
    return headers


def request_of(options: SlackOptions, message: Mapping[str, Any], event_id: str) -> Request:
    """One message, one way or the other."""
    if options.webhook_url is not None:
        body = {**message, **_QUIET}
        return Request(options.webhook_url.get_secret_value(), headers_of(options), orjson.dumps(body))
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"id": event_id}}
    body = {"channel": options.channel, **message, "metadata": metadata, **_QUIET}
    return Request(f"{options.api_url}/chat.postMessage", headers_of(options), orjson.dumps(body))


def read_answer(response: Response, *, webhook: bool) -> Answer:
    """A webhook answers with a word as plain text, the Web API with JSON, most often under status 200."""
    if webhook:
        return _answer(response, response.body[:_WORD_BYTES].decode("utf-8", "replace").strip(), "")
    told = object_of(response.body)
    return _answer(response, "ok" if told.get("ok") is True else str(told.get("error", "")), _detail(told))


def object_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object that a body holds; empty when it holds none."""
    try:
        told = orjson.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _detail(told: Mapping[str, Any]) -> str:
    """Which scope is missing, or which block it is about (a JSON pointer, not its content)."""
    if isinstance(told.get("needed"), str):
        return clean(f"needs {told['needed']}", _DETAIL_CHARS)
    metadata = told.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return clean(str(messages[0]), _DETAIL_CHARS) if isinstance(messages, list) and messages else ""


def _answer(response: Response, word: str, detail: str) -> Answer:
    known = word if _WORD.fullmatch(word) else ""
    return Answer(response.status, known, detail if known else "", response.retry_after_s)
