from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from hub.config import load_text
from hub.telemetry.redact import MASK, Redactor, is_secret_name, secrets_of
from tests.factories.config import FakeRegistry


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    made.register(secrets)
    return made


@pytest.mark.parametrize(
    "name",
    [
        "secret",
        "secrets",
        "admin_token",
        "X-API-Key",
        "Authorization",
        "Set-Cookie",
        "password",
        "private_key",
    ],
)
def test_names_of_secrets_are_known(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["secret_index", "source", "tokens_left", "key", "author", "event"])
def test_other_names_are_left_alone(name):
    assert not is_secret_name(name)


def test_a_value_is_masked_by_the_name_of_its_key_at_any_depth():
    line = redactor()(None, "info", {"event": "x", "request": {"headers": [{"X-API-Key": "abc", "n": 1}]}})

    assert line == {"event": "x", "request": {"headers": [{"X-API-Key": MASK, "n": 1}]}}


def test_a_registered_value_is_masked_wherever_it_stands():
    made = redactor("hunter2-hunter2")

    line = made(
        None,
        "info",
        {
            "event": "sent hunter2-hunter2 away",
            "error": ValueError("no hunter2-hunter2"),
            "raw": b"x=hunter2-hunter2",
            "deep": {"hunter2-hunter2": ("a", ["hunter2-hunter2!"])},
        },
    )

    assert "hunter2" not in str(line)
    assert line["event"] == f"sent {MASK} away"


def test_the_longest_secret_is_masked_whole():
    assert redactor("abcd", "abcdefgh").text("abcdefgh abcd") == f"{MASK} {MASK}"


def test_forms_that_travel_are_masked_too():
    made = redactor("whsec_c2VjcmV0LXNlY3JldA==", "p@ss/word")

    assert made.text("key c2VjcmV0LXNlY3JldA==") == f"key {MASK}"
    assert made.text("https://x/?p=p%40ss%2Fword") == f"https://x/?p={MASK}"


def test_credentials_in_urls_are_masked_without_being_registered():
    assert redactor().text("redis://user:geheim@host/0") == f"redis://user:{MASK}@host/0"


def test_what_was_registered_once_stays_masked():
    made = redactor("old-secret")
    made.register(["new-secret"])

    assert made.text("old-secret new-secret") == f"{MASK} {MASK}"


def test_deep_and_cyclic_values_end():
    cycle: list[Any] = []
    cycle.append(cycle)

    assert "..." in str(redactor().value(cycle))


@given(st.text(min_size=4, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_any_text(secret, before, after):
    made = redactor(secret)

    masked = made.text(before + secret + after)

    assert secret not in masked.replace(MASK, "") or secret in before + after or secret in MASK * 3


def test_every_secret_of_settings_is_found():
    class Inner(BaseModel):
        key: SecretStr | None
        url: str

    class Outer(BaseModel):
        inner: dict[str, Inner]
        many: tuple[SecretStr, ...]

    found = secrets_of(
        Outer(inner={"a": Inner(key=SecretStr("k1"), url="redis://u:k2@h")}, many=(SecretStr("k3"),))
    )

    assert found == {"k1", "k2", "k3"}


def test_every_secret_of_a_configuration_is_found():
    settings = load_text(
        "admin_token: s1\nredis_url: redis://:s2@h\n"
        "sources: {a: {vendor: acme, secrets: [s3, s4], api_key: s5}}\n"
        "connectors: {b: {kind: pipe, url: 'https://u:s6@x', password: s7}}",
        registry=FakeRegistry(),
    )

    assert secrets_of(settings) == {f"s{n}" for n in range(1, 8)}
