"""Keys, accounts, sessions, delegations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from hub.sql.columns import JSON_, String

revision = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _accounts()
    _of_accounts()
    _keys()
    _sessions()


def _accounts() -> None:
    op.create_table(
        "access_accounts",
        sa.Column("id", String(), nullable=False),
        sa.Column("tenant", String(), nullable=False),
        sa.Column("login", String(), nullable=False),
        sa.Column("name", String(), server_default="", nullable=False),
        sa.Column("admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("password", String(), nullable=True),
        sa.Column("totp", String(), nullable=True),
        sa.Column("totp_proven", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("issuer", String(), nullable=True),
        sa.Column("subject", String(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_access_accounts_login")),
    )
    op.create_index(
        op.f("ix_access_accounts_issuer_subject"), "access_accounts", ["issuer", "subject"], unique=True
    )
    op.create_index(
        op.f("ix_access_accounts_tenant_created_ms_id"),
        "access_accounts",
        ["tenant", "created_ms", "id"],
        unique=False,
    )


def _of_accounts() -> None:
    op.create_table(
        "access_delegations",
        sa.Column("account_id", String(), nullable=False),
        sa.Column("tenant", String(), nullable=False),
        sa.Column("grants", JSON_, nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_access_delegations")),
    )
    op.create_table(
        "access_recovery_codes",
        sa.Column("account_id", String(), nullable=False),
        sa.Column("hash", String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hash", name=op.f("pk_access_recovery_codes")),
    )


def _keys() -> None:
    op.create_table(
        "access_keys",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", String(), nullable=False),
        sa.Column("tenant", String(), nullable=False),
        sa.Column("description", String(), server_default="", nullable=False),
        sa.Column("hash", String(), nullable=False),
        sa.Column("prefix", String(), nullable=False),
        sa.Column("grants", JSON_, nullable=False),
        sa.Column("allow_key_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("plan", String(), nullable=True),
        sa.Column("limits", JSON_, nullable=False),
        sa.Column("created_by", String(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_used_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_access_keys_hash")),
        sa.UniqueConstraint("id", name=op.f("uq_access_keys_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_access_keys_tenant_created_ms_id"),
        "access_keys",
        ["tenant", "created_ms", "id"],
        unique=False,
    )
    op.create_table(
        "access_tenants",
        sa.Column("tenant", String(), nullable=False),
        sa.Column("plan", String(), nullable=False),
        sa.Column("limits", JSON_, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_access_tenants")),
    )


def _sessions() -> None:
    op.create_table(
        "access_once",
        sa.Column("hash", String(), nullable=False),
        sa.Column("purpose", String(), nullable=False),
        sa.Column("data", JSON_, nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_once")),
    )
    op.create_index(op.f("ix_access_once_expires_ms"), "access_once", ["expires_ms"], unique=False)
    op.create_table(
        "access_sessions",
        sa.Column("hash", String(), nullable=False),
        sa.Column("tenant", String(), nullable=False),
        sa.Column("account_id", String(), nullable=True),
        sa.Column("key_id", String(), nullable=True),
        sa.Column("grants", JSON_, nullable=True),
        sa.Column("ip", String(), server_default="", nullable=False),
        sa.Column("agent", String(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_sessions")),
    )
    op.create_index(op.f("ix_access_sessions_account_id"), "access_sessions", ["account_id"], unique=False)
    op.create_index(op.f("ix_access_sessions_expires_ms"), "access_sessions", ["expires_ms"], unique=False)
    op.create_index(op.f("ix_access_sessions_key_id"), "access_sessions", ["key_id"], unique=False)
