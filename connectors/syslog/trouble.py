"""What went wrong with a receiver, in one line that says what to do."""

import ssl

from connectors.syslog.options import SyslogOptions
from connectors.syslog.stream import Lost
from hub.sdk.http.errors import translate

__all__ = ["broken_handshake", "reason_of", "refusal_of"]

_OF_OUR_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")


def reason_of(error: BaseException, options: SyslogOptions) -> str:
    """Why nothing could be sent: connection, certificate, name, guard, time."""
    if isinstance(error, Lost):
        if error.cause is None:
            return f"{options.origin}: {error}"
        return reason_of(error.cause, options)
    if _refuses_us(error):
        return f"{options.origin}: {_certificate_advice(options)} ({_alert(error)})"
    return str(translate(error, options.origin))


def refusal_of(lost: Lost, options: SyslogOptions) -> str:
    """Why a connection ended right after its handshake: under TLS 1.3 a client certificate is judged then."""
    if lost.cause is not None and not isinstance(lost.cause, ConnectionError):
        return reason_of(lost.cause, options)
    return f"{options.origin}: closed right after the TLS handshake; {_certificate_advice(options)}"


def broken_handshake(options: SyslogOptions) -> str:
    """What a connection that ends within its handshake, without an alert, can mean."""
    return (
        f"{options.origin}: closed within the TLS handshake; either no TLS is spoken on that port, or "
        f"{_certificate_advice(options)}"
    )


def _refuses_us(error: BaseException) -> bool:
    alert = _alert(error)
    return "ALERT" in alert and any(word in alert for word in _OF_OUR_CERTIFICATE)


def _alert(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""


def _certificate_advice(options: SyslogOptions) -> str:
    if options.client_cert is None:
        return "the receiver asks for a client certificate: set client_cert and client_key"
    return "the receiver does not accept our client certificate: check its CA, its name and its dates"
