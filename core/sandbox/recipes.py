"""How each kind of made mail is put together: who sends it, from where, what it says."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from core.engine.message import Envelope

__all__ = ["KNOWN_SENDERS", "PEOPLE", "RECIPES", "Draft", "Scene", "good_host"]

_NAMES = (
    "Anna Möller",
    "Tomasz Wiśniewski",
    "Grace Okafor",
    "Луиза Орлова",
    "李 伟",
    "Jonas Berg",
    "Maria Rossi",
)
PEOPLE = ("anna.moeller", "t.wisniewski", "grace", "luise.orlova", "wei.li", "jonas", "m.rossi")
"""Of every filtered domain: the names before the @."""
_PARTNERS = ("kontor-hafen.example", "delta-freight.example", "studio-nine.example", "klinik-sued.example")
_LISTS = ("dev.lists.example", "postgres.lists.example")
_SHOPS = ("bikeworld.example", "gardenhaus.example", "buchladen-am-markt.example")
KNOWN_SENDERS = (*_PARTNERS, *_LISTS, *_SHOPS)
"""Domains that send from hosts of their own."""
_MATTERS = (
    "Angebot für die neue Anlage",
    "Minutes of Tuesday's meeting",
    "Rückfrage zu Rechnung 20417",
    "Réunion de projet déplacée",
    "Delivery window for pallet 88",
    "見積書の件",
    "Lunch on Thursday?",
)
_PITCHES = (
    "GUARANTEED INCOME FROM HOME!!!",
    "Casino bonus: $$$ waiting for you",
    "MIRACLE PILLS, NO PRESCRIPTION",
    "Your crypto wallet has won the lottery!!!",
)
_FRIGHTS = (
    "Your password expires today",
    "Unusual sign-in: verify your account",
    "Mailbox suspended - confirm your identity",
)
_TLDS = ("top", "xyz", "icu", "click")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a message plays: the tenant's domain, its number, and the dice."""

    rng: random.Random
    domain: str
    number: int

    def recipients(self, most: int = 2) -> tuple[str, ...]:
        names = self.rng.sample(PEOPLE, self.rng.randint(1, most))
        return tuple(f"{name}@{self.domain}" for name in names)

    def message_id(self, host: str) -> str:
        return f"<{self.number}.{self.rng.getrandbits(64):016x}@{host}>"

    def token(self, bits: int = 32) -> str:
        return f"{self.rng.getrandbits(bits):x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything of a message but its bytes. `attachments` are (file name, content type)."""

    envelope: Envelope
    sender: str
    subject: str
    text: str = ""
    html: str = ""
    message_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[tuple[str, str]] = ()
    date_shift: timedelta = timedelta()


def _mailbox(name: str, address: str) -> str:
    return f'"{name}" <{address}>'


def good_host(domain: str) -> tuple[str, str]:
    """A mail host with matching names: its name and its address, the same for a domain every time."""
    octet = sum(domain.encode()) % 200 + 20
    return f"mail.{domain}", f"192.0.2.{octet}"


def _bad_ip(scene: Scene) -> str:
    """One of a few dozen addresses, so that some come back and earn their reputation."""
    return f"203.0.113.{scene.rng.randrange(1, 33)}"


def _partner(scene: Scene) -> tuple[str, str, Envelope]:
    name, local = scene.rng.choice(list(zip(_NAMES, PEOPLE, strict=True)))
    domain = scene.rng.choice(_PARTNERS)
    host, address = good_host(domain)
    sender = f"{local}@{domain}"
    envelope = Envelope(client_ip=address, helo=host, rdns=host, mail_from=sender, rcpt_to=scene.recipients())
    return name, domain, envelope


def legit(scene: Scene) -> Draft:
    name, domain, envelope = _partner(scene)
    subject = scene.rng.choice(_MATTERS)
    attachments = [("angebot.pdf", "application/pdf")] if scene.rng.random() < 0.3 else []  # noqa: PLR2004 -- a share
    return Draft(
        envelope=envelope,
        sender=_mailbox(name, envelope.mail_from),
        subject=subject,
        text=f"Guten Tag,\n\nzu „{subject}“: die Unterlagen liegen unter https://files.{domain}/{scene.token()}\n\n{name}\n",
        message_id=scene.message_id(domain),
        attachments=attachments,
    )


def reply(scene: Scene) -> Draft:
    name, domain, envelope = _partner(scene)
    subject = scene.rng.choice(_MATTERS)
    return Draft(
        envelope=envelope,
        sender=_mailbox(name, envelope.mail_from),
        subject=f"Re: {subject}",
        text=f"Thanks, that works for us.\n\n{name}\n\n> {subject}\n",
        message_id=scene.message_id(domain),
        headers={"In-Reply-To": scene.message_id(scene.domain)},
    )


def newsletter(scene: Scene) -> Draft:
    shop = scene.rng.choice(_SHOPS)
    host, address = good_host(shop)
    link = f"https://www.{shop}/angebote/{scene.token()}"
    return Draft(
        envelope=Envelope(
            client_ip=address,
            helo=host,
            rdns=host,
            mail_from=f"bounce-{scene.number}@{shop}",
            rcpt_to=scene.recipients(1),
        ),
        sender=_mailbox(f"{shop.partition('.')[0].title()} Newsletter", f"news@{shop}"),
        subject="Neu im Frühling: 20 % auf alles",
        text=f"Unsere Angebote: {link}\n",
        html=f'<h1>20 %</h1><p><a href="{link}">www.{shop}</a></p>',
        message_id=scene.message_id(shop),
        headers={
            "List-Id": f"<news.{shop}>",
            "List-Unsubscribe": f"<https://www.{shop}/u/{scene.token()}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        },
    )


def discussion(scene: Scene) -> Draft:
    name, local = scene.rng.choice(list(zip(_NAMES, PEOPLE, strict=True)))
    group = scene.rng.choice(_LISTS)
    host, address = good_host(group)
    return Draft(
        envelope=Envelope(
            client_ip=address,
            helo=host,
            rdns=host,
            mail_from=f"owner@{group}",
            rcpt_to=scene.recipients(1),
        ),
        sender=_mailbox(name, f"{local}@{scene.rng.choice(_PARTNERS)}"),
        subject="[dev] Re: vacuum settings on small machines",
        text="I measured the same here, see the thread of last week.\n",
        message_id=scene.message_id(group),
        headers={
            "List-Id": f"<{group}>",
            "List-Unsubscribe": f"<mailto:leave@{group}>",
            "Reply-To": f"list@{group}",
        },
    )


def spam(scene: Scene) -> Draft:
    domain = f"deal{scene.token(16)}.{scene.rng.choice(_TLDS)}"
    ip = _bad_ip(scene)
    link = f"http://{domain}/{scene.token()}"
    mild = scene.rng.random() < 0.25  # noqa: PLR2004 -- a share
    return Draft(
        envelope=Envelope(
            client_ip=ip,
            helo=domain,
            rdns=f"host-{ip.replace('.', '-')}.isp.example" if mild else "",
            mail_from=f"offer@{domain}",
            rcpt_to=scene.recipients(),
        ),
        sender=_mailbox("Best Offers", f"offer@{domain}"),
        subject="Ein Angebot für Sie" if mild else scene.rng.choice(_PITCHES),
        text="" if mild else f"Act now: guaranteed income. {link}\n",
        html=f'<p>Guaranteed profit <a href="{link}">click</a></p>'
        f'<span style="font-size:0">{scene.token(64)}</span>',
        message_id=scene.message_id(domain),
    )


def phishing(scene: Scene) -> Draft:
    domain = f"secure-{scene.token(24)}.{scene.rng.choice(_TLDS)}"
    ip = _bad_ip(scene)
    link = f"http://198.51.100.{scene.rng.randrange(1, 255)}/login/{scene.token()}"
    return Draft(
        envelope=Envelope(
            client_ip=ip,
            helo=domain,
            rdns=f"vps{scene.rng.randrange(9999)}.hosting.example",
            mail_from=f"service@{domain}",
            rcpt_to=scene.recipients(1),
        ),
        sender=_mailbox("PayPal Kundenservice", f"service@{domain}"),
        subject=scene.rng.choice(_FRIGHTS),
        html=f'<p>Please verify your account: <a href="{link}">https://www.paypal.example/login</a></p>',
        message_id=scene.message_id(domain),
        headers={"Reply-To": f"desk@mail{scene.token(16)}.example"},
    )


def lookalike(scene: Scene) -> Draft:
    """The boss asks for a quick payment, from a domain that only looks like the tenant's."""
    twin = scene.domain.translate(str.maketrans("ole", "013")).replace("3xamp13", "example")
    name = scene.rng.choice(_NAMES)
    ip = _bad_ip(scene)
    return Draft(
        envelope=Envelope(
            client_ip=ip,
            helo=f"[{ip}]",
            mail_from=f"ceo@{twin}",
            rcpt_to=scene.recipients(1),
        ),
        sender=_mailbox(f"{name} ({scene.domain})", f"ceo@{twin}"),
        subject="Kurze Bitte: Überweisung noch heute",
        text="Are you at your desk? I need a transfer before noon, please confirm your identity first.\n",
        message_id=scene.message_id(twin),
        headers={"Reply-To": f"office{scene.number}@freemail.example"},
    )


def malware(scene: Scene) -> Draft:
    name, domain, envelope = _partner(scene)
    kind = scene.rng.choice(
        (
            ("Rechnung_20417.pdf.exe", "application/octet-stream"),
            ("Lieferschein.docm", "application/vnd.ms-word.document.macroEnabled.12"),
            ("scan0001.js", "text/javascript"),
        )
    )
    bad = Envelope(
        client_ip=_bad_ip(scene),
        helo=envelope.helo,
        mail_from=envelope.mail_from,
        rcpt_to=envelope.rcpt_to,
    )
    return Draft(
        envelope=bad,
        sender=_mailbox(name, envelope.mail_from),
        subject="Mahnung – bitte Anhang prüfen",
        text="Anbei die offene Rechnung.\n",
        message_id=scene.message_id(domain),
        attachments=[kind],
    )


def botnet(scene: Scene) -> Draft:
    """Everything at once: most domains refuse such mail outright."""
    ip = _bad_ip(scene)
    domain = f"x{scene.token(40)}.{scene.rng.choice(_TLDS)}"
    link = f"http://{_bad_ip(scene)}/{scene.token()}"
    return Draft(
        envelope=Envelope(client_ip=ip, helo=ip, mail_from=f"a@{domain}", rcpt_to=scene.recipients()),
        sender=_mailbox("Amazon Support", f"no-reply@{scene.token(40)}.xyz"),
        subject="ACCOUNT SUSPENDED!!! LOTTERY PRIZE $$$",
        html=f'<a href="{link}">amazon.example</a><i style="display:none">{scene.token(64)}</i>',
        date_shift=timedelta(days=3),
    )


RECIPES: Mapping[str, Callable[[Scene], Draft]] = {
    recipe.__name__: recipe
    for recipe in (legit, reply, newsletter, discussion, spam, phishing, lookalike, malware, botnet)
}
