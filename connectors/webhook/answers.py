"""What a receiver's answer means. Standard Webhooks, "Webhook delivery": 2xx is the only success."""

from typing import Final

from hub.model.outcome import Blocked, Delivered, Rejected
from hub.sdk.blame import Answer, Doubt
from hub.sdk.http import Response

__all__ = ["meant"]

_OK, _REDIRECTS = range(200, 300), range(300, 400)
_GONE, _TOO_LARGE, _SERVER = 410, 413, 500
_GONE_PROBE_S: Final = 86_400.0
_TOO_MANY: Final = 429
_DOUBTFUL: Final = frozenset({400, 403, 409, 422, 500})
"""May be about this event, or about all: a receiver that cannot verify often says 400, a filter 403."""
_ADVICE: Final = {
    400: "the receiver refuses it: a secret that it does not know, or a body that it does not take",
    401: "the receiver refuses us: check its secret, or the headers",
    403: "the receiver, or a filter before it, refuses us",
    404: "the receiver has nothing at this address: check url",
    405: "the receiver takes no POST at this address: check url",
    410: "gone: the receiver wants no more events. They wait: write another url, or give them up with"
    " `mxhub connectors forget`",
    415: "the receiver takes no JSON at this address",
    422: "the receiver refuses the content",
    429: "the receiver is overloaded: rate_per_s slows mxhub down",
    500: "the receiver failed",
}


def meant(answer: Response, size: int) -> Answer:
    """The outcome, or a doubt that the other events' outcomes resolve. `size` is the request's, in bytes.

    The answer's body is not quoted: it may repeat what a stranger wrote in a mail.
    """
    status = answer.status
    if status in _OK:
        return Delivered()
    if status == _TOO_LARGE:
        return Rejected(f"{status}: {size} bytes are more than the receiver, or a proxy before it, takes")
    if status in _REDIRECTS:
        return Blocked(f"{status}: redirects are not followed; write the final address as url")
    reason = f"{status}: {_ADVICE[status]}" if status in _ADVICE else f"{status}: not accepted"
    if status in _DOUBTFUL:
        return Doubt(reason=reason, refusal=status < _SERVER, after_s=answer.retry_after_s)
    wait_s = _GONE_PROBE_S if status == _GONE else answer.retry_after_s
    return Blocked(reason, wait_s, limited=status == _TOO_MANY)
