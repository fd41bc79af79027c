"""What a failed request as a whole means: whose fault, and what to do."""

import opensearchpy.exceptions as failures

from connectors.opensearch.bulk import shown
from connectors.opensearch.transport import Answered
from hub.model.outcome import Blocked
from hub.sdk.http import Unreachable

__all__ = ["blocked_by", "is_broken", "is_content_refused", "is_too_large"]

_TOO_LARGE = 413
_BAD_REQUEST = 400
_PARSERS = frozenset(
    {
        "json_parse_exception",
        "mapper_parsing_exception",
        "parse_exception",
        "parsing_exception",
        "x_content_parse_exception",
    }
)
_ADVICE = {
    401: "the credentials are refused: check username and password, or api_key",
    403: "the user may not do this: check its rights on the indices and on index templates",
    404: "there is no such address: check that url points at OpenSearch itself",
    413: "more than http.max_content_length, or a proxy before the cluster, allows",
    429: "the cluster is overloaded",
}
_REDIRECTS = range(300, 400)


def is_content_refused(error: Exception) -> bool:
    """Whether it is about what was sent: smaller parts may pass, and one event alone is its own fault."""
    if not isinstance(error, Answered):
        return False
    return is_too_large(error) or (error.status_code == _BAD_REQUEST and error.error in _PARSERS)


def is_too_large(error: Exception) -> bool:
    """Whether the request was larger than the cluster, or a proxy before it, takes."""
    return isinstance(error, Answered) and error.status_code == _TOO_LARGE


def is_broken(error: Exception) -> bool:
    """Whether there was no connection, or it broke: another attempt, or another node, may do better."""
    return isinstance(error, failures.ConnectionError) and isinstance(error.info, Unreachable)


def blocked_by(error: Exception) -> Blocked:
    """The destination is down, full, or refuses us."""
    if isinstance(error, Answered):
        return Blocked(_answered(error), error.retry_after_s)
    if isinstance(error, failures.ConnectionError):
        return Blocked(shown(str(error.error)))
    if isinstance(error, failures.SerializationError):
        return Blocked("the answer is not JSON: check that url points at OpenSearch itself")
    return Blocked(shown(str(error) or type(error).__name__))


def _answered(error: Answered) -> str:
    status = error.status_code
    said = shown(f"{status} {error.reason}")
    if status in _REDIRECTS:
        return f"{status}: redirects are not followed; write the final address as url"
    return f"{said}; {_ADVICE[status]}" if status in _ADVICE else said
