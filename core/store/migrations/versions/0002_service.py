"""The tables of the whole service; what a sandbox held moves over."""

from collections.abc import Sequence

from alembic import op

from core.store.migrations import sandbox_data
from core.store.migrations.schema_2 import metadata

revision = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_KEPT_SINCE = "COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'audit_kept_since_ms'), 0)"
_SQLITE = (
    """
    CREATE TRIGGER audit_entries_change BEFORE UPDATE ON audit_entries BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only');
    END
    """,
    f"""
    CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries WHEN OLD.at_ms >= {_KEPT_SINCE} BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only');
    END
    """,
    # INSERT OR REPLACE deletes without asking the trigger above.
    """
    CREATE TRIGGER audit_entries_replace BEFORE INSERT ON audit_entries WHEN EXISTS (
        SELECT 1 FROM audit_entries WHERE (tenant = NEW.tenant AND seq = NEW.seq) OR id = NEW.id
            OR (node_id = NEW.node_id AND number = NEW.number)
    ) BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only');
    END
    """,
)
_POSTGRESQL = (
    f"""
    CREATE FUNCTION audit_entries_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.at_ms < {_KEPT_SINCE} THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_entries_keep BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION audit_entries_keep()
    """,
    """
    CREATE TRIGGER audit_entries_whole BEFORE TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_keep()
    """,
)


def upgrade() -> None:
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    op.rename_table("meta", "old_meta")
    metadata.create_all(bind, checkfirst=False)
    sandbox_data.take_over(bind)
    sandbox_data.drop(bind)
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        op.execute(statement)
    if sqlite:
        op.execute("PRAGMA user_version = 2")  # so that an older release leaves the file alone
