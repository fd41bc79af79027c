"""What people say of mail teaches their tenant's classifier: a message once, and the last word counts.

A lesson belongs to its tenant; no other one's verdicts move. The state that scans use is
`core.store.classifier`.
"""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.classifier import Class
from core.engine.message import Envelope, Mail, parse
from core.service.core import Core
from core.store import classifier, lessons
from core.store.lessons import Change

__all__ = ["Change", "Class", "Lesson", "opposite", "read", "teach"]

_NOBODY = Envelope(client_ip="", helo="", mail_from="", rcpt_to=())
"""The classifier looks at the message alone, so that it knows it again wherever it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A message, read. `sha256` is that of its bytes, in hexadecimal digits."""

    sha256: str
    mail: Mail


async def read(core: Core, message: bytes) -> Lesson:
    """Read a message on a thread: before the transaction, for large ones take a second."""
    return await core.workers.run(_read, message)


async def teach(core: Core, tx: AsyncConnection, tenant: str, lesson: Lesson, klass: Class) -> Change:
    """Teach a message, or correct what it taught; `known` means that nothing moved.

    Counts are added up in the database, so lessons of several processes never overwrite each other. One
    lesson a transaction: the order in which rows are locked is that of one message.
    """
    now_ms = core.clock()
    change = await lessons.put(tx, tenant, lesson.sha256, klass, now_ms)
    if change == "turned":
        await classifier.teach(tx, tenant, lesson.mail, opposite(klass), now_ms, times=-1)
    if change != "known":
        await classifier.teach(tx, tenant, lesson.mail, klass, now_ms)
    return change


def opposite(klass: Class) -> Class:
    return "ham" if klass == "spam" else "spam"


def _read(message: bytes) -> Lesson:
    return Lesson(sha256=sha256(message).hexdigest(), mail=parse(message, _NOBODY))
