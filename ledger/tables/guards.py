"""By what the database refuses what nobody should do: the triggers, as the migrations have left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.tables import APPEND_ONLY, NEVER_DELETED, metadata


class Guard(NamedTuple):
    """What of a table is refused: `events` to everybody, or to rows for which `when` is true."""

    table: str
    # what its trigger is called; without a condition SQLite has one for each event, by the names of those
    name: str
    events: tuple[str, ...]
    when: str | None = None


# what is sealed may be sealed anew under a newer key: the columns, and what else is made of them anew
RESEALED: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
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

# the head of a chain of looks goes forward, and nothing else of it changes
_CHAIN_WRITTEN_ANEW: Final = (
    "NEW.chain_id <> OLD.chain_id OR NEW.day <> OLD.day OR NEW.opened_at <> OLD.opened_at"
    " OR NEW.last_seq <= OLD.last_seq"
)
# Whose a number is changes with the count of the entries that said so, which goes up by one. What an older
# version wrote down has no count; the digest of a name may be made anew without one, by a newer rule.
_WHOSE_UNSAID: Final = (
    "NOT (NEW.digest = OLD.digest AND NEW.recorded_at = OLD.recorded_at"
    " AND ((NEW.nth IS NOT NULL AND NEW.nth = coalesce(OLD.nth, 0) + 1)"
    " OR (NEW.person_id = OLD.person_id AND NEW.role = OLD.role"
    " AND (OLD.nth IS NULL OR NEW.nth IS NULL OR NEW.nth = OLD.nth)"
    " AND (NEW.name_digest = OLD.name_digest OR NEW.nth IS NULL))))"
)
# the one whose trigger is called otherwise than those of all others
_CALLED: Final = {"correction_line": "correction_line_never_deleted"}


def guards(*, on_postgresql: bool) -> tuple[Guard, ...]:
    """Of every table what it refuses; a TRUNCATE too, where it refuses a DELETE."""
    return (
        *(
            Guard(table, f"{table}_append_only", ("UPDATE", "DELETE"))
            for table in APPEND_ONLY
            if table not in RESEALED
        ),
        *(Guard(table, f"{table}_append_only", ("DELETE",)) for table in RESEALED),
        *(
            Guard(table, f"{table}_only_resealed", ("UPDATE",), _not_resealed(*columns))
            if on_postgresql
            else Guard(table, f"{table}_no_update", ("UPDATE",), _not_resealed_in_sqlite(table, *columns))
            for table, columns in RESEALED.items()
        ),
        *(Guard(table, _CALLED.get(table, f"{table}_append_only"), ("DELETE",)) for table in NEVER_DELETED),
        Guard("read_log_chain", "read_log_chain_grows", ("UPDATE",), _CHAIN_WRITTEN_ANEW),
        Guard("identity", "identity_told", ("UPDATE",), _WHOSE_UNSAID),
        # whoever is written down is said by an entry, also where an older program still runs
        Guard("identity", "identity_counted", ("INSERT",), "NEW.nth IS NULL"),
    )


def _not_resealed(sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    """Anything but that sealed columns get a newer key, each alone or together; what is null stays so."""
    gone = "".join(f" - '{name}'" for name in (*sealed, *made_anew))
    rest = f"(to_jsonb(OLD){gone}) IS DISTINCT FROM (to_jsonb(NEW){gone})"
    newer = [
        f"(substring(NEW.{name} from 1 for 1) IS NOT DISTINCT FROM '\\x01'::bytea AND COALESCE("
        f"substring(NEW.{name} from 2 for 2) > substring(OLD.{name} from 2 for 2), false))"
        for name in sealed
    ]
    same = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in sealed]
    return _other_than(rest, newer, same)


def _not_resealed_in_sqlite(table: str, sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    columns = sorted(column.name for column in metadata.tables[table].columns)
    rest = [f'OLD."{name}" IS NOT NEW."{name}"' for name in columns if name not in {*sealed, *made_anew}]
    newer = [
        f"(substr(NEW.{name}, 1, 1) IS x'01' AND COALESCE("
        f"substr(NEW.{name}, 2, 2) > substr(OLD.{name}, 2, 2), 0))"
        for name in sealed
    ]
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed]
    return _other_than(" OR ".join(rest), newer, same)


def _other_than(rest: str, newer: Sequence[str], same: Sequence[str]) -> str:
    each = " AND ".join(f"({one} OR {other})" for one, other in zip(newer, same, strict=True))
    return f"{rest} OR NOT ({each}) OR NOT ({' OR '.join(newer)})"
