import pytest

from hub.access.scopes import BUNDLES, KEY_ADMIN, PERMISSIONS, RESOURCES, SCOPES, expand, is_domain_bound


def test_read_only_holds_nothing_but_reading_and_never_makes_a_login_link():
    assert all(scope.endswith(":read") for scope in BUNDLES["read-only"])
    assert "login-links:create" not in expand(["read-only"])
    assert not any(scope.startswith("login-links") for scope in BUNDLES["read-only"])


def test_quarantine_only_reads_and_acts_on_held_mail_and_nothing_else():
    assert expand(["quarantine-only"]) == {"quarantine:read", "quarantine:act"}


def test_domain_admin_holds_everything_that_belongs_to_a_domain_and_nothing_else():
    assert expand(["domain-admin"]) == {scope for scope in SCOPES if is_domain_bound(scope)}
    assert "keys:write" not in expand(["domain-admin"])


def test_full_admin_holds_every_scope():
    assert expand(["full-admin"]) == SCOPES


@pytest.mark.parametrize("bundle", ["read-only", "quarantine-only", "domain-admin"])
def test_only_full_admin_reaches_keys_and_people(bundle):
    assert not expand([bundle]) & KEY_ADMIN


def test_the_five_permission_keys_are_those_of_the_page():
    assert sorted(PERMISSIONS) == ["dashboard", "dns", "emails", "forwarders", "spam"]
    assert expand(["emails"]) == {"emails:read", "emails:write"}
    assert "rules:write" in expand(["spam"])


def test_the_permission_keys_stay_within_domains():
    assert all(is_domain_bound(scope) for name in PERMISSIONS for scope in expand([name]))


def test_writing_and_acting_include_reading():
    assert expand(["rules:write"]) == {"rules:write", "rules:read"}
    assert expand(["quarantine:act"]) == {"quarantine:act", "quarantine:read"}
    assert expand(["login-links:create"]) == {"login-links:create"}


def test_every_unknown_name_is_named():
    with pytest.raises(ValueError, match=r"'nope', 'rules:delete'"):
        expand(["rules:read", "nope", "rules:delete"])


def test_no_name_means_two_things():
    names = [*SCOPES, *BUNDLES, *PERMISSIONS, *(one.name for one in RESOURCES)]
    bare = [one.name for one in RESOURCES]

    assert len(bare) == len(set(bare))
    assert not set(BUNDLES) & set(PERMISSIONS) & set(names)
