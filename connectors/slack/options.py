"""What an operator can set: one of the two ways to post, and how messages look."""

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, model_validator
from yarl import URL

from hub.sdk.alerts import KINDS
from hub.sdk.options import ConfigPath, Options
from hub.sdk.render.sources import Source, read_folder

__all__ = ["API_URL", "SlackOptions"]

API_URL = "https://slack.com/api"
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_FLOWS = ("/triggers/", "/workflows/")


def _url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("this is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("write a URL that begins with https:// and names a host")
    return url


def _webhook(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and _url(secret.get_secret_value()).path.startswith(_FLOWS):
        raise ValueError(
            "this URL starts a workflow; make an incoming webhook (https://hooks.slack.com/services/...)"
        )
    return secret


def _token(secret: SecretStr | None) -> SecretStr | None:
    text = "" if secret is None else secret.get_secret_value()
    if text.startswith("xapp-"):
        raise ValueError("this is an app-level token; the bot token begins with xoxb-")
    if secret is not None and not _VISIBLE.fullmatch(text):
        raise ValueError("a token consists of visible ASCII characters")
    return secret


def _api(text: str) -> str:
    url = _url(text)
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("write the URL without user, ? and #")
    return text.rstrip("/")


def _details(text: str | None) -> str | None:
    if text is not None and (_url(text) and re.search(r"[\s<>|\"]", text)):
        raise ValueError('write the URL without white space and < > | "; {event_id} is put in as it is')
    return text


class SlackOptions(Options):
    """Either webhook_url, or token and channel."""

    token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        None,
        description="bot token (xoxb-...) with the scope chat:write",
        json_schema_extra={"suggested": True},
    )
    channel: str | None = Field(
        None,
        pattern=r"^[#@]?[^\s#@<>,]{1,80}$",
        description="where the bot posts: the channel's ID, e.g. C0123456789",
        json_schema_extra={"suggested": True},
    )
    webhook_url: Annotated[SecretStr | None, AfterValidator(_webhook)] = Field(
        None,
        description="URL of an incoming webhook, which leads to one channel, instead of token and channel",
    )
    api_url: Annotated[str, AfterValidator(_api)] = Field(
        API_URL, description="the Web API, for a token; another address for a proxy"
    )
    details_url: Annotated[str | None, AfterValidator(_details)] = Field(
        None, description="link in every message, where {event_id} becomes the event's id"
    )
    templates: ConfigPath | None = Field(
        None, description="folder of own templates, relative to this file, e.g. ./slack"
    )
    _overrides: Mapping[str, Source] = PrivateAttr(default_factory=dict)

    @property
    def overrides(self) -> Mapping[str, Source]:
        """The user's templates as they were when the configuration was read."""
        return self._overrides

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("write either webhook_url, or token and channel")
        if (self.channel is None) != (self.token is None):
            raise ValueError("token and channel belong together; a webhook's channel is chosen in Slack")
        if self.webhook_url is not None and "api_url" in self.model_fields_set:
            raise ValueError("api_url belongs to token; webhook_url is an address of its own")
        return self

    @model_validator(mode="after")
    def _read_templates(self) -> Self:
        """Part of the options, so that a reload notices a changed file."""
        if self.templates is not None:
            from connectors.slack.message import check_overrides

            self._overrides = read_folder(self.templates, KINDS)
            check_overrides(self._overrides)
        return self
