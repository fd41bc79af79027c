from dataclasses import MISSING, fields

from core.engine.verdict import Thresholds
from core.service.domain_view import as_data
from core.store.domain_rows import Domain, Downstream, Policy, of, row_of

_SERVER = Downstream(host="mx.acme.example", port=2525, priority=5, weight=3)
_POLICY = Policy(
    action="tag",
    thresholds=Thresholds(tag=1.5, quarantine=2.5, reject=3.5),
    header_name="X-Held",
    header_value="1",
    overrides_recipients=True,
)
_DOMAIN = Domain(
    id="dom_1",
    number=7,
    tenant="acme",
    name="acme.example",
    direction="both",
    active=False,
    status="suspended",
    verified=True,
    verified_ms=11,
    verify_token="a token that nobody is told",
    admins=("jo@acme.example",),
    aliases=("acme.test", "bank.example"),
    pending_aliases=("bank.example",),
    downstreams=(_SERVER,),
    subscription="sub",
    customer_id="cus_1",
    organization_id="org_1",
    api_key_id="key_1",
    mail_hosting=False,
    mailboxes_complete=True,
    policy=_POLICY,
    settings={"kept": "beside"},
    dkim_active=True,
    dmarc_reporting=True,
    tenant_number=3,
    created_ms=12,
    updated_ms=13,
)


def test_a_record_comes_back_from_its_row_as_it_was():
    aliases = {"acme.test": False, "bank.example": True}
    assert of(row_of(_DOMAIN), [_SERVER], aliases) == _DOMAIN


def test_the_record_looked_at_here_has_no_field_at_its_default():
    for each in fields(Domain):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        assert getattr(_DOMAIN, each.name) != default, each.name


def test_nobody_is_told_what_proves_the_domain():
    assert "a token that nobody is told" not in str(as_data(_DOMAIN))
