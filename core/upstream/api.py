"""One call to a provider's JSON API: any outcome becomes a document or one of our errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from yarl import URL

from core.upstream.errors import (
    Conflict,
    NotAuthorised,
    NotThere,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
)
from hub.sdk.http import Client, HttpError, Response

__all__ = ["Answered", "JsonApi", "Problem"]

_FAILED: Final = 500
_WAIT_S: Final = 60.0
_BY_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotThere,
    409: Conflict,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer: its status and its document, `None` when there is none."""

    status: int
    document: Any
    retry_after_s: float | None

    @property
    def is_good(self) -> bool:
        """2xx, and no document that says otherwise."""
        says = self.document.get("success", True) if isinstance(self.document, dict) else True
        return self.status // 100 == 2 and says is True  # noqa: PLR2004


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a refusal's document says. `kind` overrules what the status alone would mean."""

    message: str = ""
    field: str = ""
    kind: type[ProviderError] | None = None


class JsonApi:
    """Args:
    name: the provider's, for messages.
    headers: the credentials; never shown.
    """

    def __init__(self, client: Client, url: str, *, name: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._name = name
        self._headers = headers

    async def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, send: object = None
    ) -> Answered:
        """One exchange. Path segments must be quoted already. Raises `Unavailable`."""
        headers = dict(self._headers)
        body = None
        if send is not None:
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(send)
        url = URL(self._url + path, encoded=True)
        try:
            answer = await self._client.request(method, url, headers=headers, params=params, body=body)
        except HttpError as error:
            raise Unavailable(f"{self._name}: {error}") from error
        return self._read(answer)

    def error(self, answered: Answered, problem: Problem) -> ProviderError:
        """The refusal as one of ours."""
        said = f"{self._name}: {problem.message[:300] or f'answers with status {answered.status}'}"
        if answered.status == 429:  # noqa: PLR2004
            wait_s = answered.retry_after_s
            return RateLimited(said, retry_after_s=_WAIT_S if wait_s is None else wait_s)
        if problem.kind is not None:
            return problem.kind(said)
        if answered.status >= _FAILED or answered.status // 100 in (2, 3):
            return Unavailable(said)
        kind = _BY_STATUS.get(answered.status)
        return Refused(said, field=problem.field) if kind is None else kind(said)

    def _read(self, answer: Response) -> Answered:
        document = None
        if answer.body.strip():
            try:
                document = msgspec.json.decode(answer.body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if answer.status // 100 == 2:  # noqa: PLR2004
                    raise Unavailable(f"{self._name}: the answer is not JSON") from error
        return Answered(status=answer.status, document=document, retry_after_s=answer.retry_after_s)
