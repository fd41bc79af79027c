"""What a caller may do, against a plain model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.principal import ALL, Decision, Grant, Principal
from hub.access.scopes import BUNDLES, KEY_ADMIN, PERMISSIONS, RESOURCES, SCOPES

DOMAINS = ("a.example", "b.example", "c.example")
NAMES = sorted({*SCOPES, *BUNDLES, *PERMISSIONS})
BOUND = {one.name for one in RESOURCES if one.domain_bound}

grants = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
        st.lists(st.sampled_from((*DOMAINS, ALL)), min_size=1, max_size=3),
    ),
    max_size=3,
)
callers = st.tuples(
    grants, st.sampled_from(["key", "session", "token"]), st.booleans(), st.sampled_from([None, "k1"])
)


def principal(granted, kind="key", allow_key_admin=None, key_id="k1"):
    held = tuple(Grant.of(names, domains) for names, domains in granted)
    return Principal(
        kind=kind,
        id="x",
        name="x",
        tenant="acme",
        grants=held,
        key_id=key_id,
        allow_key_admin=bool(allow_key_admin),
    )


def stands_for(name):
    """The scopes behind a name, from its words alone."""
    if name in BUNDLES or name in PERMISSIONS:
        return (BUNDLES.get(name) or PERMISSIONS.get(name)) | set()
    resource, _, verb = name.partition(":")
    both = {name, f"{resource}:read"} if verb in ("write", "act") else {name}
    return both & SCOPES


def model(granted, kind, allow_key_admin, key_id, scope, domain, held_by):
    """The rules, spelled out one by one."""
    if kind == "key" and scope in KEY_ADMIN and not allow_key_admin:
        return Decision.FORBIDDEN
    if kind == "session" and key_id is not None and scope == "login-links:create":
        return Decision.FORBIDDEN
    lists = [set(domains) for names, domains in granted if any(scope in stands_for(name) for name in names)]
    everywhere = any(ALL in domains for domains in lists)
    if domain is None:
        bound = scope.partition(":")[0] in BOUND
        fits = everywhere or (bound and bool(lists))
        return Decision.ALLOWED if fits else Decision.FORBIDDEN
    if not (everywhere or any(domain in domains for domains in lists)):
        return Decision.FORBIDDEN
    if held_by in (None, key_id):
        return Decision.ALLOWED
    full = any("full-admin" in names and ALL in domains for names, domains in granted)
    return Decision.ALLOWED if full and kind != "key" else Decision.HIDDEN


@given(
    caller=callers,
    scope=st.sampled_from(sorted(SCOPES)),
    domain=st.sampled_from([None, *DOMAINS]),
    held_by=st.sampled_from([None, "k1", "k2"]),
)
def test_every_decision_is_the_models(caller, scope, domain, held_by):
    expected = model(*caller, scope, domain, held_by)

    assert principal(*caller).may(scope, domain, held_by=held_by) is expected


@given(caller=callers, scope=st.sampled_from(sorted(SCOPES)), domain=st.sampled_from(DOMAINS))
def test_reach_names_exactly_the_domains_on_which_a_scope_holds(caller, scope, domain):
    who = principal(*caller)

    assert (domain in who.reach(scope)) == (who.may(scope, domain) is Decision.ALLOWED)


@given(caller=callers, given_away=grants)
def test_nobody_gives_away_what_they_lack(caller, given_away):
    giver = principal(*caller)
    heir = principal(given_away, allow_key_admin=True)

    if giver.may_give(heir.grants):
        for scope in SCOPES:
            if heir.reach(scope).everything:
                assert giver.reach(scope).everything
            for domain in DOMAINS:
                assert domain not in heir.reach(scope) or domain in giver.reach(scope)


def test_a_domain_tied_to_another_key_does_not_exist_for_a_full_admin_key():
    who = principal([(["full-admin"], ["*"])])

    assert who.may("domains:read", "a.example", held_by="k2") is Decision.HIDDEN


def test_a_full_admin_in_a_session_sees_a_domain_that_is_tied_to_a_key():
    who = principal([(["full-admin"], ["*"])], kind="session", key_id=None)

    assert who.may("domains:write", "a.example", held_by="k2") is Decision.ALLOWED


def test_a_full_admin_key_manages_no_keys_unless_it_is_allowed_to():
    granted = [(["full-admin"], ["*"])]

    assert principal(granted).may("keys:write") is Decision.FORBIDDEN
    assert principal(granted).may("people:write") is Decision.FORBIDDEN
    assert principal(granted, allow_key_admin=True).may("keys:write") is Decision.ALLOWED


def test_a_scope_that_there_is_not_is_a_defect():
    with pytest.raises(KeyError):
        principal([(["full-admin"], ["*"])]).may("nonsense:read")


def test_a_grant_round_trips_through_json():
    grant = Grant.of(["emails", "rules:read"], ["B.example.", "a.example"])

    assert grant.to_json() == {"domains": ["a.example", "b.example"], "scopes": ["emails", "rules:read"]}
    assert Grant.from_json(grant.to_json()) == grant


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"domains": [], "scopes": ["emails"]},
        {"domains": ["a"], "scopes": []},
        {"domains": "a", "scopes": ["emails"]},
        {"domains": ["a"], "scopes": [1]},
        {"domains": ["a"], "scopes": ["emails"], "more": 1},
        {"domains": [""], "scopes": ["emails"]},
        {"domains": ["a b"], "scopes": ["emails"]},
        {"domains": ["a"], "scopes": ["all"]},
    ],
)
def test_a_grant_that_does_not_hold_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        Grant.from_json(value)
