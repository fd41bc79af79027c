"""Mail that was judged: messages, verdicts per recipient, quarantine, corrections, the classifier."""

from core.store.migrations.schema_2.base import (
    Column,
    Computed,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    count,
    flag,
    ident,
    json,
    metadata,
    ms,
    note,
    number,
    string,
    tenant,
    text,
)

__all__ = [
    "classifier_lessons",
    "classifier_tokens",
    "classifier_totals",
    "messages",
    "misclassifications",
    "quarantine_bodies",
    "quarantine_items",
    "quarantine_recipients",
    "stat_counters",
    "verdicts",
]

messages = Table(
    "messages",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("node_id"),
    string("idempotency_key", null=True),
    string("sha256"),  # of the message as it came
    string("sender"),
    json("recipients"),
    note("client_ip"),
    note("helo"),
    note("rdns"),
    note("subject"),
    note("message_id"),
    number("size_bytes"),
    flag("dry_run"),
    string("state"),  # judged, relaying, done, failed
    note("file"),  # below the spool folder; nothing once its bytes are elsewhere or gone
    json("plan", null=True),  # who gets which bytes, and what became of it
    count("attempts"),
    ms("due_ms", null=True),  # until then whoever made the last attempt has it in hand
    ms("received_ms"),
    ms("updated_ms"),
    UniqueConstraint("tenant", "idempotency_key"),
    Index(None, "tenant", "received_ms", "id"),
    Index(None, "state", "updated_ms"),
)

verdicts = Table(
    "verdicts",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("message"),  # messages.id
    ms("at_ms"),
    string("sender"),
    note("sender_domain"),
    string("recipient"),
    note("subject"),
    note("message_id"),
    note("client_ip"),
    string("verdict"),  # clean, tag, quarantine, reject
    Column("score", Float, nullable=False),
    json("symbols"),
    note("reason"),
    json("authentication", null=True),  # spf, dkim, dmarc as found
    string("fate"),  # relaying, relayed, quarantined, rejected, discarded, failed, none (dry run)
    note("fate_detail"),  # the downstream's own words
    note("quarantine_id"),
    number("size_bytes"),
    flag("mailing_list"),
    Index(None, "tenant", "at_ms", "id", "score"),
    Index(None, "tenant", "domain", "at_ms", "id"),
    Index(None, "tenant", "verdict", "at_ms", "id"),
    Index(None, "tenant", "sender", "at_ms", "id"),
    Index(None, "tenant", "sender_domain", "at_ms", "id"),
    Index(None, "tenant", "recipient", "at_ms", "id"),
    Index(None, "message"),
)

_STILL_THERE = "CASE WHEN state IN ('released', 'discarded', 'expired') THEN 0 ELSE 1 END"

quarantine_items = Table(
    "quarantine_items",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("node_id"),
    string("queue_id"),  # unique on its node while the message is held, used again later
    note("message"),  # messages.id
    string("state"),  # held, releasing, released, release_failed, discarded, expired
    Column("still_there", Integer, Computed(_STILL_THERE, persisted=True)),  # one value: an index goes by it
    note("state_detail"),
    ms("state_ms"),
    string("sender"),
    json("recipients"),
    note("subject"),
    note("message_id"),
    note("client_ip"),
    Column("score", Float, nullable=False),
    json("symbols"),
    string("reason"),
    number("size_bytes"),
    note("file"),  # below the quarantine folder; nothing where the bytes are in quarantine_bodies, or gone
    note("sha256"),
    note("label"),  # ham, spam: what people said it was
    json("plan", null=True),  # of a release: who gets it, what became of it, who asked
    count("attempts"),
    ms("due_ms", null=True),  # until then whoever made the last attempt has it in hand
    ms("arrived_ms"),
    ms("expires_ms", null=True),
    Index(
        "uq_quarantine_items_place",
        "node_id",
        "queue_id",
        unique=True,
        sqlite_where=text("state IN ('held', 'releasing', 'release_failed')"),
        postgresql_where=text("state IN ('held', 'releasing', 'release_failed')"),
    ),
    Index(None, "state", "arrived_ms", "id"),
    Index(None, "tenant", "arrived_ms", "id"),
    Index(None, "tenant", "state", "arrived_ms", "id"),
    Index(None, "tenant", "still_there", "arrived_ms", "id"),
    Index(None, "tenant", "domain", "arrived_ms", "id"),
    Index(None, "tenant", "domain", "state", "arrived_ms", "id"),
    Index(None, "tenant", "domain", "still_there", "arrived_ms", "id"),
    Index(None, "tenant", "sender", "arrived_ms", "id"),
    Index(None, "state", "expires_ms"),
)

quarantine_recipients = Table(
    "quarantine_recipients",
    metadata,
    tenant(),
    string("recipient"),  # in lower case
    ms("arrived_ms"),  # of the message, as is its id: the order of listings
    string("item"),  # quarantine_items.id
    PrimaryKeyConstraint("tenant", "recipient", "arrived_ms", "item"),
    Index(None, "item"),
)

quarantine_bodies = Table(
    "quarantine_bodies",
    metadata,
    ident("item"),  # quarantine_items.id
    Column("body", LargeBinary, nullable=False),
)

misclassifications = Table(
    "misclassifications",
    metadata,
    ident(),
    tenant(),
    string("domain"),
    string("type"),  # false_positive, false_negative
    note("verdict_id"),
    note("quarantine_id"),
    json("envelope"),
    note("sha256"),
    note("file"),
    note("reported_by"),
    ms("at_ms"),
    Index(None, "tenant", "at_ms", "id"),
    Index(None, "tenant", "domain", "at_ms", "id"),
)

classifier_tokens = Table(
    "classifier_tokens",
    metadata,
    tenant(),
    string("token"),
    count("spam"),
    count("ham"),
    PrimaryKeyConstraint("tenant", "token"),
)

classifier_totals = Table(
    "classifier_totals",
    metadata,
    Column("tenant", String, primary_key=True),
    count("spam"),
    count("ham"),
    ms("updated_ms"),
)

classifier_lessons = Table(
    "classifier_lessons",
    metadata,
    tenant(),
    string("sha256"),  # of the message: the same one teaches once, and may be unlearnt
    string("label"),  # ham, spam
    ms("at_ms"),
    PrimaryKeyConstraint("tenant", "sha256"),
)

stat_counters = Table(
    "stat_counters",
    metadata,
    tenant(),
    string("domain"),
    ms("hour_ms"),  # begin of the hour, UTC
    string("metric"),  # a verdict, or another thing that is counted
    count("messages"),
    PrimaryKeyConstraint("tenant", "domain", "hour_ms", "metric"),
    Index(None, "tenant", "hour_ms"),
)
