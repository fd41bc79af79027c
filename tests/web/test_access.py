import pytest

from hub.access.principal import Grant
from hub.web.access import Principal, StaticToken, Trusted, authorize
from hub.web.errors import Forbidden, NotFound
from tests.web.conftest import AUTH, TOKEN


async def test_no_token_is_unauthorized_and_says_how_to_send_one(client):
    answer = await client.get("/api/v1/things")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in (await answer.json())["error"]["message"]


async def test_a_wrong_token_is_unauthorized(client):
    answer = await client.get("/api/v1/things", headers={"Authorization": "Bearer nope"})

    assert answer.status == 401


@pytest.mark.parametrize("headers", [AUTH, {"X-API-Key": TOKEN}, {"Authorization": f"bearer  {TOKEN} "}])
async def test_the_token_is_taken_from_either_header(client, headers):
    answer = await client.get("/api/v1/things", headers=headers)

    assert answer.status == 200


async def test_without_a_configured_token_the_answer_says_how_to_set_one(start):
    client = await start(StaticToken(lambda: ""))

    answer = await client.get("/api/v1/things", headers={"Authorization": "Bearer "})

    assert answer.status == 401
    assert "admin_token" in (await answer.json())["error"]["message"]


async def test_an_empty_token_never_matches_an_empty_configuration(start):
    client = await start(StaticToken(lambda: ""))

    answer = await client.get("/api/v1/things", headers={"X-API-Key": ""})

    assert answer.status == 401


async def test_a_trusted_listener_needs_no_token(start):
    client = await start(Trusted())

    answer = await client.get("/api/v1/things")

    assert answer.status == 200


async def test_access_comes_before_validation(client):
    answer = await client.get("/api/v1/things?limit=99")

    assert answer.status == 401


def key(*names, domains=("*",)):
    return Principal(
        kind="key", id="k", name="k", tenant="acme", grants=(Grant.of(names, domains),), key_id="k"
    )


def test_a_missing_scope_is_forbidden():
    with pytest.raises(Forbidden, match="events:read"):
        authorize(key("rules:read"), "events:read")


def test_a_domain_of_no_grant_is_forbidden():
    with pytest.raises(Forbidden, match=r"rules:read' on b\.example"):
        authorize(key("rules:read", domains=["a.example"]), "rules:read", "b.example")


def test_a_domain_that_another_key_holds_is_not_found():
    with pytest.raises(NotFound):
        authorize(key("full-admin"), "rules:read", "a.example", held_by="other")
    authorize(key("full-admin"), "rules:read", "a.example", held_by="k")


@pytest.mark.parametrize("scope", ["admin", "keys:write"])
@pytest.mark.parametrize("kind", ["token", "local"])
def test_the_admin_token_and_the_local_socket_may_everything(kind, scope):
    assert authorize(Principal.operator(kind, "admin"), scope) is None
