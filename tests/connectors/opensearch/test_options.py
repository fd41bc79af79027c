"""What may be written in the configuration, and what is said about the rest."""

import pytest
from pydantic import ValidationError

from connectors.opensearch import OpenSearchOptions

URL = "https://search.example:9200"


def test_one_url_or_several():
    assert OpenSearchOptions(url=URL + "/").urls == (URL,)
    assert OpenSearchOptions(url=[URL, "http://other/os"]).urls == (URL, "http://other/os")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "url"),
        ({"url": []}, "url"),
        ({"url": "search.example:9200"}, "begins with http"),
        ({"url": "ftp://search.example"}, "begins with http"),
        ({"url": "https://u:s3cret@search.example"}, "not inside the URL"),
        ({"url": "https://search.example/?a=s3cret"}, "without"),
        ({"url": URL, "username": "u"}, "belong together"),
        ({"url": URL, "username": "u:v", "password": "s3cret"}, "username"),
        ({"url": URL, "password": "s3cret"}, "belong together"),
        ({"url": URL, "username": "u", "password": "s3cret", "api_key": "s3cret"}, "either"),
        ({"url": URL, "api_key": "s3cret\r\nx: y"}, "visible ASCII"),
        ({"url": URL, "client_key": "/k"}, "needs client_cert"),
        ({"url": URL, "fingerprint": "abc"}, "fingerprint"),
        ({"url": URL, "prefix": "Mx"}, "prefix"),
        ({"url": URL, "prefix": "-mx"}, "prefix"),
        ({"url": URL, "prefix": "mx*"}, "prefix"),
        ({"url": URL, "period": "week"}, "period"),
        ({"url": URL, "keep_days": 0}, "keep_days"),
        ({"url": URL, "nonsense": 1}, "nonsense"),
    ],
)
def test_a_mistake_is_named_and_no_secret_shown(options, says):
    with pytest.raises(ValidationError) as failed:
        OpenSearchOptions(**options)

    assert says in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_secrets_do_not_show():
    options = OpenSearchOptions(url=URL, username="u", password="s3cret")

    assert "s3cret" not in repr(options)
    assert "s3cret" not in options.model_dump_json()


def test_a_fingerprint_may_have_colons():
    colons = ":".join(["aB"] * 32)

    assert OpenSearchOptions(url=URL, fingerprint=colons).fingerprint == colons
