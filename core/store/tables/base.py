"""What all tables share: one metadata, and what they are written with."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from hub.sql.columns import (
    NAMING,
    String,
    count,
    flag,
    ident,
    json,
    ms,
    note,
    number,
    string,
    tenant,
    witness,
)

__all__ = [
    "BigInteger",
    "CheckConstraint",
    "Column",
    "Computed",
    "Float",
    "Index",
    "Integer",
    "LargeBinary",
    "PrimaryKeyConstraint",
    "String",
    "Table",
    "UniqueConstraint",
    "count",
    "flag",
    "ident",
    "json",
    "metadata",
    "ms",
    "note",
    "number",
    "string",
    "tenant",
    "text",
    "witness",
]

metadata = MetaData(naming_convention=NAMING)
