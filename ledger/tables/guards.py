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


# What is sealed may be sealed anew, under a newer key of the installation or for a person: the columns, and
# what else is made of them anew.
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
# The key of a person is sealed anew under a newer key of the installation, or erased once and for ever.
_KEY_CHANGED: Final = (
    "NEW.ref <> OLD.ref OR NEW.recorded_at <> OLD.recorded_at OR OLD.wrapped IS NULL"
    " OR (NEW.wrapped IS NOT NULL AND NOT (substr(NEW.wrapped, 2, 2) > substr(OLD.wrapped, 2, 2)"
    " OR (substr(NEW.wrapped, 2, 2) = substr(OLD.wrapped, 2, 2)"
    " AND substr(NEW.wrapped, 1, 1) > substr(OLD.wrapped, 1, 1))))"
)
# the first bytes of what is sealed under a key of the installation, and of what is sealed for a person
_OF_INSTALLATION: Final = ("01", "04")
_OF_PERSONS: Final = ("02", "05")
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
        Guard("person_key", "person_key_erased_once", ("UPDATE",), _KEY_CHANGED),
        Guard("person_key", "person_key_whole", ("INSERT",), "NEW.wrapped IS NULL"),
    )


def _not_resealed(sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    """Anything but that sealed columns get a newer key, each alone or together; what is null stays so."""
    gone = "".join(f" - '{name}'" for name in (*sealed, *made_anew))
    rest = f"(to_jsonb(OLD){gone}) IS DISTINCT FROM (to_jsonb(NEW){gone})"
    newer = [_newer(name, "'\\x{}'::bytea") for name in sealed]
    same = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in sealed]
    return _other_than(rest, newer, same)


def _not_resealed_in_sqlite(table: str, sealed: Sequence[str], made_anew: Sequence[str]) -> str:
    columns = sorted(column.name for column in metadata.tables[table].columns)
    rest = [f'OLD."{name}" IS NOT NEW."{name}"' for name in columns if name not in {*sealed, *made_anew}]
    newer = [_newer(name, "x'{}'") for name in sealed]
    same = [f"NEW.{name} IS OLD.{name}" for name in sealed]
    return _other_than(" OR ".join(rest), newer, same)


def _newer(name: str, byte: str) -> str:
    """That a value of the installation is sealed under a newer key or cipher of it now, or for a person."""
    ours, persons = (
        ", ".join(byte.format(form) for form in forms) for forms in (_OF_INSTALLATION, _OF_PERSONS)
    )
    return (
        f"COALESCE(substr(OLD.{name}, 1, 1) IN ({ours}) AND (substr(NEW.{name}, 1, 1) IN ({persons})"
        f" OR (substr(NEW.{name}, 1, 1) IN ({ours})"
        f" AND (substr(NEW.{name}, 2, 2) > substr(OLD.{name}, 2, 2)"
        f" OR (substr(NEW.{name}, 2, 2) = substr(OLD.{name}, 2, 2)"
        f" AND substr(NEW.{name}, 1, 1) > substr(OLD.{name}, 1, 1))))), false)"
    )


def _other_than(rest: str, newer: Sequence[str], same: Sequence[str]) -> str:
    each = " AND ".join(f"({one} OR {other})" for one, other in zip(newer, same, strict=True))
    return f"{rest} OR NOT ({each}) OR NOT ({' OR '.join(newer)})"
