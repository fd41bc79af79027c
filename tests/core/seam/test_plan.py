"""Plans, servers and files: what needs no service."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dns.answers import Answer
from core.engine.policy import HeaderNames
from core.seam.folder import BadName, Folder
from core.seam.plan import Delivery, Plan, Stamp, fate_of
from core.seam.smtp import Outcome, Target
from core.seam.targets import NoServer, exchangers, servers
from core.store.domains import Domain, Downstream
from tests.factories.core_api import NoDns

OUTCOMES = st.builds(
    Outcome,
    state=st.sampled_from(["sent", "refused", "later"]),
    words=st.text(max_size=9),
    unsure=st.booleans(),
)


def plan(*addresses, **more):
    return Plan(deliveries=tuple(Delivery(recipient=one, address=one, **more) for one in addresses))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), OUTCOMES), max_size=8))
def test_a_delivery_that_was_decided_never_changes(rounds):
    now = plan("a", "b", "c")
    decided = {}
    for outcomes in rounds:
        group = [one for one in now.waiting if one.address in outcomes]
        now = now.told(group, outcomes)
        for one in now.deliveries:
            if one.state != "waiting":
                assert decided.setdefault(one.address, (one.state, one.words)) == (one.state, one.words)
    assert Plan.read(now.kept()) == now


def test_a_doubt_stays_until_there_is_an_outcome():
    doubted = plan("a").told(plan("a").deliveries, {"a": Outcome(state="later", unsure=True)})
    again = doubted.told(doubted.waiting, {"a": Outcome(state="later")})
    done = again.told(again.waiting, {"a": Outcome(state="sent")})

    assert [each.is_unsure for each in (doubted, again, done)] == [True, True, False]
    assert plan("a").doubted().is_unsure


def test_what_goes_by_other_servers_or_with_other_headers_is_a_group_of_its_own():
    mixed = Plan(deliveries=(*plan("a", "b").deliveries, *plan("c", via="x.example").deliveries))

    assert [[one.address for one in group] for group in mixed.groups()] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("states", "fate"),
    [
        (["sent", "sent"], "relayed"),
        (["sent", "refused"], "relayed"),
        (["refused", "refused"], "failed"),
        (["sent", "waiting"], "relaying"),
    ],
)
def test_a_recipients_fate_is_that_of_all_deliveries(states, fate):
    deliveries = [Delivery(recipient="a", address=str(n), state=one) for n, one in enumerate(states)]

    assert fate_of(deliveries)[0] == fate


def test_a_stamp_survives_being_kept():
    made = Stamp.of([("X-Spam-Flag", "YES")], "mx.example", HeaderNames(), "[SPAM]")
    kept = Plan.read(Plan(stamps={"tag": made}).kept()).stamps["tag"]

    assert kept.put_on(b"Subject: x\r\n\r\n") == b"X-Spam-Flag: YES\r\nSubject: [SPAM] x\r\n\r\n"


def domain(*downstreams, **more):
    return Domain(
        id="d",
        number=1,
        tenant="t",
        name="acme.example",
        downstreams=downstreams,
        created_ms=0,
        updated_ms=0,
        **more,
    )


def test_servers_are_tried_by_priority():
    first, second = (
        Downstream(host="a.example", priority=5),
        Downstream(host="b.example", port=26, priority=9),
    )

    assert servers(domain(second, first), random.Random(1)) == (
        Target("a.example", 25),
        Target("b.example", 26),
    )


def test_among_equals_weight_is_the_share_of_being_first():
    rng = random.Random(4)
    heavy, light = Downstream(host="h.example", weight=30), Downstream(host="l.example", weight=10)
    first = [servers(domain(light, heavy), rng)[0].host for _ in range(2000)]

    assert 1400 < first.count("h.example") < 1600


def test_a_domain_without_any_server_waits_for_one():
    with pytest.raises(NoServer) as caught:
        servers(domain(), random.Random(1))

    assert caught.value.state == "later"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(state="found", values=("m1", "m2"), priorities=(1, 2)), (Target("m1", 25), Target("m2", 25))),
        (Answer(state="empty"), (Target("x.example", 25),)),
        (Answer(state="absent"), "refused"),
        (Answer(state="failed"), "later"),
        (Answer(state="found", values=("",), priorities=(0,)), "refused"),
    ],
)
async def test_exchangers_of_another_domain(answer, found):
    dns = NoDns()
    dns.known["x.example", "MX"] = answer
    try:
        got = await exchangers(dns, "x.example")
    except NoServer as nowhere:
        got = nowhere.state

    assert got == found


def test_a_file_is_written_whole_and_found_again(tmp_path):
    folder = Folder(tmp_path / "q")
    folder.put("node-1/aa/x.eml", b"one")
    folder.put("node-1/aa/x.eml", b"two")

    assert folder.get("node-1/aa/x.eml") == b"two"
    assert [name for name, _ in folder.names("node-1")] == ["node-1/aa/x.eml"]
    assert (tmp_path / "q/node-1/aa/x.eml").stat().st_mode & 0o777 == 0o600
    folder.drop("node-1/aa/x.eml")
    folder.drop("node-1/aa/x.eml")
    assert not folder.has("node-1/aa/x.eml")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "", ".", "a//b", "a\x00b", ".hidden"])
def test_a_name_leads_nowhere_else(tmp_path, name):
    folder = Folder(tmp_path)
    with pytest.raises(BadName):
        folder.get(name)
    assert not folder.has(name)
