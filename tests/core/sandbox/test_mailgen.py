from collections import Counter, defaultdict
from email import message_from_bytes
from email.policy import default

import pytest

from core.engine.message import parse
from core.engine.rules import RULES
from core.engine.verdict import Thresholds
from core.sandbox.mailgen import DOMAINS, MailGenerator
from core.sandbox.recipes import RECIPES
from tests.factories.core import NOW, NOW_MS, Context
from tests.factories.rules import judge


def judged(made):
    context = Context(now=NOW, listed=False, own_domains=frozenset(DOMAINS))
    return judge(parse(made.raw, made.envelope), context, Thresholds())


@pytest.fixture(scope="module")
def stream():
    generator = MailGenerator(7)
    return [generator.make(NOW_MS) for _ in range(300)]


def test_the_same_seed_gives_the_same_mail():
    first, second, other = MailGenerator(1), MailGenerator(1), MailGenerator(2)
    made = [[generator.make(NOW_MS) for _ in range(25)] for generator in (first, second, other)]

    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("kind", sorted(RECIPES))
def test_every_kind_is_well_formed_mail(kind):
    made = MailGenerator(3).make(NOW_MS, kind)
    message = message_from_bytes(made.raw, policy=default)

    assert b"\r\n" in made.raw
    assert made.raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert message.defects == []
    assert message["Received"]
    assert message["Subject"]
    assert message["From"].addresses[0].domain
    assert all(recipient.rpartition("@")[2] in DOMAINS for recipient in made.envelope.rcpt_to)


@pytest.mark.parametrize(
    ("kind", "actions", "reasons"),
    [
        ("legit", {"deliver"}, None),
        ("reply", {"deliver"}, None),
        ("newsletter", {"deliver"}, None),
        ("discussion", {"deliver"}, None),
        ("spam", {"tag", "quarantine"}, {"spam", "phishing"}),
        ("phishing", {"quarantine"}, {"phishing"}),
        ("lookalike", {"quarantine"}, {"phishing"}),
        ("malware", {"quarantine"}, {"sandbox"}),
        ("botnet", {"reject"}, None),
    ],
)
def test_what_reading_the_bytes_says_of_each_kind(kind, actions, reasons):
    generator = MailGenerator(11)
    verdicts = [judged(generator.make(NOW_MS, kind)) for _ in range(20)]

    assert {verdict.action for verdict in verdicts} <= actions
    assert reasons is None or {v.reason for v in verdicts if v.action == "quarantine"} <= reasons


@pytest.fixture(scope="module")
def verdicts(stream):
    return [judged(made) for made in stream]


def test_the_stream_is_mostly_good_mail_with_something_of_everything(stream, verdicts):
    kinds = Counter(made.kind for made in stream)
    actions = Counter(verdict.action for verdict in verdicts)

    assert set(kinds) == set(RECIPES)
    assert actions["deliver"] > len(stream) / 2
    assert min(actions["quarantine"], actions["reject"]) > 2


def test_the_stream_exercises_most_rules(verdicts):
    fired = {symbol for verdict in verdicts for symbol in verdict.symbols}

    assert len(fired) >= len(RULES) / 2


def test_message_ids_are_unique_and_bad_addresses_come_back(stream):
    ids = [message_from_bytes(made.raw)["Message-ID"] for made in stream]
    named = [message_id for message_id in ids if message_id]
    addresses = defaultdict(int)
    for made in stream:
        addresses[made.envelope.client_ip] += 1

    assert len(named) == len(set(named))
    assert max(addresses[ip] for ip in addresses if ip.startswith("203.0.113.")) > 5


def test_subjects_and_names_hold_more_than_ascii(stream):
    texts = {
        parse(made.raw, made.envelope).subject + parse(made.raw, made.envelope).sender.name for made in stream
    }

    assert any("ü" in text for text in texts)
    assert any("伟" in text for text in texts)
