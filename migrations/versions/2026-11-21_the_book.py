"""the book

Revision ID: 6e879155fd74
Revises:
Create Date: 2026-11-21 23:32:54.467088
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

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "6e879155fd74"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "agent",
        sa.Column("agent_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent")),
        sa.UniqueConstraint("name", name=op.f("uq_agent_name")),
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bookmark", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('running', 'finished', 'failed')", name=op.f("ck_batch_state_known")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batch")),
    )
    op.create_table(
        "book",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("current_year", sa.BigInteger(), nullable=False),
        sa.Column("carried_over", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.Column("open_year", sa.SmallInteger(), nullable=False),
        sa.Column("interest_year", sa.SmallInteger(), nullable=False),
        sa.Column("open_freezes", sa.SmallInteger(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("carried_over >= 0", name=op.f("ck_book_carried_over_not_negative")),
        sa.CheckConstraint("current_year >= 0", name=op.f("ck_book_current_year_not_negative")),
        sa.CheckConstraint(
            "held + reserved <= current_year + carried_over", name=op.f("ck_book_available_not_negative")
        ),
        sa.CheckConstraint("held >= 0", name=op.f("ck_book_held_not_negative")),
        sa.CheckConstraint("last_seq >= 1", name=op.f("ck_book_last_seq_from_one")),
        sa.CheckConstraint("length(head) = 32", name=op.f("ck_book_head_is_a_digest")),
        sa.CheckConstraint("open_freezes >= 0", name=op.f("ck_book_open_freezes_not_negative")),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_book_reserved_not_negative")),
        sa.CheckConstraint(
            "stage <> 2 OR died_on IS NOT NULL", name=op.f("ck_book_deceased_has_a_day_of_death")
        ),
        sa.CheckConstraint(
            "stage <> 4 OR (current_year = 0 AND carried_over = 0 AND held = 0 AND reserved = 0)",
            name=op.f("ck_book_closed_is_empty"),
        ),
        sa.CheckConstraint("stage IN (1, 2, 3, 4)", name=op.f("ck_book_stage_known")),
        sa.PrimaryKeyConstraint("book_id", name=op.f("pk_book")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_book_with_holds",
        "book",
        ["book_id"],
        unique=False,
        postgresql_where=sa.text("held > 0"),
        sqlite_where=sa.text("held > 0"),
    )

    op.create_table(
        "claim",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_claim")),
    )
    op.create_table(
        "identity",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("role IN (1, 2)", name=op.f("ck_identity_role_known")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_identity")),
    )
    op.create_index("ix_identity_person", "identity", ["person_id"], unique=False)

    op.create_table(
        "institution",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('hospital', 'clinic', 'pharmacy')", name=op.f("ck_institution_kind_known")
        ),
        sa.CheckConstraint("level BETWEEN 1 AND 3", name=op.f("ck_institution_level_known")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_institution")),
        sa.UniqueConstraint("party_id", name=op.f("uq_institution_party_id")),
    )
    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy")),
        sa.UniqueConstraint("area", "hash", name=op.f("uq_policy_area_hash")),
    )
    op.create_table(
        "contract",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("services", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_contract_ends_after_it_begins")
        ),
        sa.ForeignKeyConstraint(["code"], ["institution.code"], name="fk_contract_institution"),
        sa.PrimaryKeyConstraint("code", "valid_from", name=op.f("pk_contract")),
    )
    op.create_table(
        "entry",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_year_after", sa.BigInteger(), nullable=False),
        sa.Column("carried_over_after", sa.BigInteger(), nullable=False),
        sa.Column("held_change", sa.BigInteger(), nullable=True),
        sa.Column("reserved_change", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("fact_on", sa.Date(), nullable=True),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("target_seq", sa.Integer(), nullable=True),
        sa.Column("policy_version", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=True),
        sa.Column("source_ref", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(idempotency_key IS NULL) = (request_digest IS NULL)",
            name=op.f("ck_entry_key_goes_with_its_fingerprint"),
        ),
        sa.CheckConstraint("(kind = 4) = (expires_at IS NOT NULL)", name=op.f("ck_entry_holds_expire")),
        sa.CheckConstraint("carried_over_after >= 0", name=op.f("ck_entry_carried_over_not_negative")),
        sa.CheckConstraint("current_year_after >= 0", name=op.f("ck_entry_current_year_not_negative")),
        sa.CheckConstraint(
            "kind <> 8 OR target_seq IS NOT NULL", name=op.f("ck_entry_reversal_has_a_target")
        ),
        sa.CheckConstraint("kind BETWEEN 1 AND 99", name=op.f("ck_entry_kind_in_range")),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_entry_digest_length")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_entry_seq_from_one")),
        sa.CheckConstraint("target_seq IS NULL OR target_seq < seq", name=op.f("ck_entry_target_is_older")),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_entry_book"),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_entry")),
    )
    op.create_index(
        "uq_entry_interest",
        "entry",
        ["book_id", "period"],
        unique=True,
        postgresql_where=sa.text("kind = 11"),
        sqlite_where=sa.text("kind = 11"),
    )
    op.create_index(
        "uq_entry_key",
        "entry",
        ["book_id", "caller", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "uq_entry_source",
        "entry",
        ["book_id", "kind", "source_ref"],
        unique=True,
        postgresql_where=sa.text("source_ref IS NOT NULL"),
        sqlite_where=sa.text("source_ref IS NOT NULL"),
    )
    op.create_index(
        "uq_entry_target",
        "entry",
        ["book_id", "target_seq"],
        unique=True,
        postgresql_where=sa.text("target_seq IS NOT NULL"),
        sqlite_where=sa.text("target_seq IS NOT NULL"),
    )

    op.create_table(
        "transfer",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("from_side", sa.SmallInteger(), nullable=False),
        sa.Column("to_side", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "NOT (from_side IN (1, 2) AND to_side = 19)", name=op.f("ck_transfer_pocket_not_to_bank")
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_transfer_amount_positive")),
        sa.CheckConstraint("from_side <> to_side", name=op.f("ck_transfer_two_sides")),
        sa.ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_transfer_entry"),
        sa.PrimaryKeyConstraint("book_id", "seq", "line", name=op.f("pk_transfer")),
    )
    _refuse_changes()


# What is appended stays: facts are corrected by new facts that point at the old ones.
APPEND_ONLY = ("entry", "transfer", "policy")
# The row of a book is its balance: it changes with every entry, and is never taken away.
NEVER_DELETED = ("book",)


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION '% on % is refused: the book is append-only', TG_OP, TG_TABLE_NAME"
            " USING ERRCODE = 'restrict_violation'; END $$"
        )
        for table, events in [(name, "UPDATE OR DELETE") for name in APPEND_ONLY] + [
            (name, "DELETE") for name in NEVER_DELETED
        ]:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE {events} OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table, event in [(name, event) for name in APPEND_ONLY for event in ("UPDATE", "DELETE")] + [
        (name, "DELETE") for name in NEVER_DELETED
    ]:
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
        )


def downgrade() -> None:
    for table in ("transfer", "entry", "contract", "policy", "institution", "identity", "claim", "book"):
        op.drop_table(table)
    op.drop_table("batch")
    op.drop_table("agent")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
