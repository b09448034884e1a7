"""what is sealed may be sealed anew under a newer key, and nothing else of it changes

Revision ID: 4e7c19b2d5a8
Revises: b41f7c93d0e6
Create Date: 2026-11-29 21:05:00.000000
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

revision: str = "4e7c19b2d5a8"
down_revision: str | Sequence[str] | None = "b41f7c93d0e6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

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


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, (sealed, made_anew) in RESEALED.items():
        if postgresql:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_only_resealed BEFORE UPDATE ON {table} FOR EACH ROW"
                f" WHEN ({_other_change_in_postgresql(sealed, made_anew)}) EXECUTE FUNCTION refuse_change()"
            )
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
                f" WHEN {_other_change_in_sqlite(table, sealed, made_anew)} BEGIN SELECT"
                f" RAISE(ABORT, 'UPDATE on {table} is refused: the book is append-only'); END"
            )


def _other_change_in_postgresql(sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    """Anything but that sealed columns get a newer key, each alone or together; what is null stays so."""
    gone = "".join(f" - '{name}'" for name in (*sealed, *made_anew))
    rest = f"(to_jsonb(OLD){gone}) IS DISTINCT FROM (to_jsonb(NEW){gone})"
    newer = [
        f"(substring(NEW.{name} from 1 for 1) IS NOT DISTINCT FROM '\\x01'::bytea AND COALESCE("
        f"substring(NEW.{name} from 2 for 2) > substring(OLD.{name} from 2 for 2), false))"
        for name in sealed
    ]
    same = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in sealed]
    each = " AND ".join(f"({one} OR {other})" for one, other in zip(newer, same, strict=True))
    return f"{rest} OR NOT ({each}) OR NOT ({' OR '.join(newer)})"


def _other_change_in_sqlite(table: str, sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    columns = sorted(column["name"] for column in sa.inspect(op.get_bind()).get_columns(table))
    rest = [f'OLD."{name}" IS NOT NEW."{name}"' for name in columns if name not in {*sealed, *made_anew}]
    newer = [
        f"(substr(NEW.{name}, 1, 1) IS x'01' AND COALESCE("
        f"substr(NEW.{name}, 2, 2) > substr(OLD.{name}, 2, 2), 0))"
        for name in sealed
    ]
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed]
    each = " AND ".join(f"({one} OR {other})" for one, other in zip(newer, same, strict=True))
    return f"{' OR '.join(rest)} OR NOT ({each}) OR NOT ({' OR '.join(newer)})"


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in RESEALED:
        if postgresql:
            op.execute(f"DROP TRIGGER {table}_only_resealed ON {table}")
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'UPDATE on {table} is refused: the book is append-only'); END"
            )
