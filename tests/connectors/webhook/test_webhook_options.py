"""What can be set, and what a mistake says without showing a secret."""

import pytest
from pydantic import ValidationError

from connectors.webhook import WebhookOptions
from tests.factories.webhook import PRIVATE, PUBLIC, SECRET

URL = "https://soar.example/hooks/t0ken"


def options(**over):
    return WebhookOptions.model_validate({"url": URL, "secrets": SECRET, **over})


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        (SECRET, (SECRET,)),
        ([SECRET], (SECRET,)),
        ([PRIVATE, SECRET], (PRIVATE, SECRET)),
        ([], ()),
        ("whsec_" + "A" * 86, ("whsec_" + "A" * 86,)),
    ],
)
def test_secrets_are_one_or_many_or_knowingly_none(said, keys):
    assert options(secrets=said).keys == tuple(key.encode() for key in keys)


def test_secrets_cannot_be_forgotten():
    with pytest.raises(ValidationError, match="secrets"):
        WebhookOptions.model_validate({"url": URL})


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("correct-horse-battery", "openssl rand"),
        ("whsec_no base64 at all!", "openssl rand"),
        ("whsec_c2hvcnQ=", "24 to 64"),
        ("whsec_" + "A" * 88, "24 to 64"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"),
        (PUBLIC, "receiver's half"),
        ("whsk_AAAA", "ed25519 key of 32 bytes"),
        ("", "whsec_"),
    ],
)
def test_an_unfit_secret_is_refused_without_being_shown(secret, says):
    with pytest.raises(ValidationError, match=says) as failed:
        options(secrets=[SECRET, secret])
    assert len(secret) < 8 or secret not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    ["", "soar.example/hooks", "ftp://soar.example/", "https://[", "https:///x", "https://soar.example/#x"],
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValidationError, match=r"write the URL|write a URL"):
        options(url=url)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"Webhook-Signature": "v1,x"}, "set by mxhub"),
        ({"content-type": "text/plain"}, "set by mxhub"),
        ({"Host": "other.example"}, "set by mxhub"),
        ({"X Team": "soc"}, "no name of a header"),
        ({"X-Team\r\nHost": "soc"}, "no name of a header"),
        ({"X-Team": "soc\r\nHost: other"}, "visible ASCII"),
        ({"X-Team": ""}, "visible ASCII"),
        ({"X-Team": "größer"}, "visible ASCII"),
        ({"X-Team": "a", "x-team": "b"}, "upper and lower case"),
        ({f"X-{n}": "a" for n in range(21)}, "20"),
    ],
)
def test_a_header_that_cannot_or_must_not_be_sent_is_refused(headers, says):
    with pytest.raises(ValidationError, match=says):
        options(headers=headers)


def test_a_key_needs_its_certificate():
    with pytest.raises(ValidationError, match="client_key needs client_cert"):
        options(client_key="/etc/mxhub/client.key")


def test_nothing_secret_is_shown():
    shown = repr(options(headers={"Authorization": "Bearer t0ken"})) + options().model_dump_json()

    assert "t0ken" not in shown
    assert SECRET not in shown
