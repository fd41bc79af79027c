"""`force_https` behind a proxy and without one."""

import pytest
from aiohttp.test_utils import make_mocked_request

from hub.app.https import https_only
from hub.config.load import load_text

SETTINGS = load_text("force_https: true\ntrusted_proxies: [10.0.0.0/8, 'fd00::/8']\n")


def refusal(peer="10.1.2.3", *, tls=False, **headers):
    class Transport:
        def get_extra_info(self, name, default=None):
            return {"peername": (peer, 1), "sslcontext": tls or None}.get(name, default)

        def is_closing(self):
            return False

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_mocked_request(
        "POST", "/in/mg", headers=named, transport=Transport(), sslcontext=tls or None
    )
    return https_only(SETTINGS)(request)


def test_without_force_https_nothing_is_checked():
    assert https_only(load_text("")) is None


def test_our_own_tls_passes():
    assert refusal("192.0.2.1", tls=True) is None


@pytest.mark.parametrize("peer", ["10.1.2.3", "fd00::7"])
def test_a_trusted_proxy_is_believed(peer):
    assert refusal(peer, X_Forwarded_Proto="https") is None
    assert refusal(peer, Forwarded="for=192.0.2.1;proto=https") is None


def test_a_proxy_that_saw_plain_http_is_refused():
    assert "trusted_proxies" in refusal(X_Forwarded_Proto="http")


def test_nobody_else_is_believed():
    assert refusal("192.0.2.1", X_Forwarded_Proto="https") is not None


def test_a_header_that_the_client_put_before_the_proxys_own_does_not_help():
    assert refusal(X_Forwarded_Proto="https, http") is not None
