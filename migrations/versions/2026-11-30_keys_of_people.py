"""the keys of people, and what is sealed for one of them

Revision ID: 9d2f60b8a1c4
Revises: 4e7c19b2d5a8
Create Date: 2026-11-30 00:25:00.000000
"""

# Before you write a migration:
# - It is dated and, once on the main branch, frozen. A mistake in it is corrected by the next one.
# - It imports nothing from ledger: what the code means today is not what it meant then.
# - A column added to a book table is nullable or has a constant default. Nothing is back-filled:
#   facts are not edited, and a million rows are not rewritten behind a lock.
# - On SQLite `batch_alter_table` rebuilds the table, and its triggers are gone. Make them again
#   in the same migration; a test lists the append-only triggers after `upgrade head`.
# - A book table has book_id first in its primary key, unique constraints and foreign keys.
# - Every constraint has a name. `alembic check` compares them on both databases.
# - On PostgreSQL a statement waits 5 s for a lock and works 300 s at most (migrations/env.py).
#   An index on a table with traffic is made CONCURRENTLY, in `op.get_context().autocommit_block()`.
# - Try it both ways on both databases, with rows in the tables.

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "9d2f60b8a1c4"
down_revision: str | Sequence[str] | None = "4e7c19b2d5a8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# that a column was sealed anew, in terms of how a byte is written
_Newer = Callable[[str, str], str]
# table → its sealed columns, and what else is made of them anew
RESEALED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "person_fact": (("sealed",), ()),
    "declared_line": (("number_sealed",), ()),
    "estate_payout": (("sealed",), ()),
    "card": (("number_sealed",), ()),
    "agency_request_person": (("number_sealed",), ()),
    "inquiry_case": (("text_sealed", "reply_to_sealed"), ()),
    "inquiry_case_answer": (("text_sealed", "evidence_sealed"), ()),
    # a keyed digest over the whole row
    "document": (("facts_sealed",), ("seal",)),
    "document_content": (("content_sealed",), ()),
}
# the key of a person is sealed anew under a newer key of the installation, or erased once and for ever
_KEY_CHANGED = (
    "NEW.ref <> OLD.ref OR NEW.recorded_at <> OLD.recorded_at OR OLD.wrapped IS NULL"
    " OR (NEW.wrapped IS NOT NULL AND NOT (substr(NEW.wrapped, 2, 2) > substr(OLD.wrapped, 2, 2)"
    " OR (substr(NEW.wrapped, 2, 2) = substr(OLD.wrapped, 2, 2)"
    " AND substr(NEW.wrapped, 1, 1) > substr(OLD.wrapped, 1, 1))))"
)
_GUARDS = (
    ("person_key_erased_once", "UPDATE", _KEY_CHANGED),
    ("person_key_whole", "INSERT", "NEW.wrapped IS NULL"),
)


def upgrade() -> None:
    op.create_table(
        "person_key",
        sa.Column("ref", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("erased_in", sa.BigInteger(), nullable=True),
        sa.Column("erased_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(ref) = 16", name=op.f("ck_person_key_ref_length")),
        sa.CheckConstraint(
            "(wrapped IS NULL) = (erased_in IS NOT NULL)", name=op.f("ck_person_key_erased_by_an_entry")
        ),
        sa.CheckConstraint(
            "(erased_in IS NULL) = (erased_by IS NULL)", name=op.f("ck_person_key_entry_is_whole")
        ),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_person_key")),
    )
    op.create_index("ix_person_key_erased_in", "person_key", ["erased_in"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, event, when in _GUARDS:
        if postgresql:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON person_key FOR EACH ROW"
                f" WHEN ({when}) EXECUTE FUNCTION refuse_change()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON person_key WHEN {when}"
                f" BEGIN SELECT RAISE(ABORT, '{event} on person_key is refused: the book is append-only'); END"
            )
    if postgresql:
        op.execute(
            "CREATE TRIGGER person_key_append_only BEFORE DELETE OR TRUNCATE ON person_key"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        op.execute(
            "CREATE TRIGGER person_key_no_delete BEFORE DELETE ON person_key"
            " BEGIN SELECT RAISE(ABORT, 'DELETE on person_key is refused: the book is append-only'); END"
        )
    _only_resealed(_newer)


def _only_resealed(newer: _Newer) -> None:
    """Refuse of the sealed columns every change but that to a newer key, by a rule of which keys are that."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, (sealed, made_anew) in RESEALED.items():
        if postgresql:
            op.execute(f"DROP TRIGGER {table}_only_resealed ON {table}")
            op.execute(
                f"CREATE TRIGGER {table}_only_resealed BEFORE UPDATE ON {table} FOR EACH ROW"
                f" WHEN ({_other_change_in_postgresql(sealed, made_anew, newer)})"
                " EXECUTE FUNCTION refuse_change()"
            )
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
                f" WHEN {_other_change_in_sqlite(table, sealed, made_anew, newer)} BEGIN SELECT"
                f" RAISE(ABORT, 'UPDATE on {table} is refused: the book is append-only'); END"
            )


def _other_change_in_postgresql(sealed: Sequence[str], made_anew: Sequence[str], newer: _Newer) -> str:
    """Anything but that sealed columns get a newer key, each alone or together; what is null stays so."""
    gone = "".join(f" - '{name}'" for name in (*sealed, *made_anew))
    rest = f"(to_jsonb(OLD){gone}) IS DISTINCT FROM (to_jsonb(NEW){gone})"
    same = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in sealed]
    return _other_than(rest, [newer(name, "'\\x{}'::bytea") for name in sealed], same)


def _other_change_in_sqlite(
    table: str, sealed: Sequence[str], made_anew: Sequence[str], newer: _Newer
) -> str:
    columns = sorted(column["name"] for column in sa.inspect(op.get_bind()).get_columns(table))
    rest = [f'OLD."{name}" IS NOT NEW."{name}"' for name in columns if name not in {*sealed, *made_anew}]
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed]
    return _other_than(" OR ".join(rest), [newer(name, "x'{}'") for name in sealed], same)


def _other_than(rest: str, newer: Sequence[str], same: Sequence[str]) -> str:
    each = " AND ".join(f"({one} OR {other})" for one, other in zip(newer, same, strict=True))
    return f"{rest} OR NOT ({each}) OR NOT ({' OR '.join(newer)})"


def _newer(name: str, byte: str) -> str:
    """That a value was sealed by the installation, and is now, under a newer key of it or for a person."""
    ours, persons = (", ".join(byte.format(form) for form in forms) for forms in (("01", "04"), ("02", "05")))
    return (
        f"COALESCE(substr(OLD.{name}, 1, 1) IN ({ours}) AND (substr(NEW.{name}, 1, 1) IN ({persons})"
        f" OR (substr(NEW.{name}, 1, 1) IN ({ours})"
        f" AND (substr(NEW.{name}, 2, 2) > substr(OLD.{name}, 2, 2)"
        f" OR (substr(NEW.{name}, 2, 2) = substr(OLD.{name}, 2, 2)"
        f" AND substr(NEW.{name}, 1, 1) > substr(OLD.{name}, 1, 1))))), false)"
    )


def _newer_of_before(name: str, byte: str) -> str:
    return (
        f"COALESCE(substr(NEW.{name}, 1, 1) = {byte.format('01')}"
        f" AND substr(NEW.{name}, 2, 2) > substr(OLD.{name}, 2, 2), false)"
    )


def downgrade() -> None:
    # what is sealed for a person would never be opened again
    there = sa.text("SELECT count(*) FROM identity WHERE substr(name_sealed, 1, 1) IN (:aes, :sm4)")
    given = [
        sa.bindparam(name, form, sa.LargeBinary()) for name, form in (("aes", b"\x02"), ("sm4", b"\x05"))
    ]
    if op.get_bind().scalar(there.bindparams(*given)):
        raise RuntimeError("people are sealed under keys of their own: an older version cannot open them")
    _only_resealed(_newer_of_before)
    op.drop_table("person_key")
