"""How long and how much: the sizes of a run, and where it puts things."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"

AREA = 990100
INSTITUTION = "H0001"
# who the bench is in tokens, entries and idempotency keys
CALLER = "bench"

PARTS = (
    "pgbench",
    "inprocess",
    "http",
    "reads",
    "spend_size",
    "settlements",
    "contributions",
    "annual",
    "year_end",
    "age",
    "corrections",
    "sqlite",
    "documents",
    "peer",
)
# measured alone, by SIZE=huge: the fill takes an hour and 50 GB
HUGE = "huge"
# what the 10,000 accounts of the throughput parts begin with: no round runs one of them empty
MONEY_FEN = 100_000_000
ACCOUNTS = 10_000


class BenchFailed(Exception):
    """Something is wrong, so the figures say nothing: an error answer, a dead process, a finding."""


@dataclass(frozen=True)
class Plan:
    """One run of the bench."""

    size: str
    parts: tuple[str, ...]
    rounds: int
    # of one round of one party, in the parts that compare rates and in those that compare single calls
    seconds: float
    latency_seconds: float
    # the two ledgers, in entries; every book has the same number, so that a page is the same work
    small_entries: int
    large_entries: int
    # of SIZE=huge
    huge_entries: int
    entries_per_book: int
    contributions: int
    contributions_per_book: int
    # how many of the months stand in the smaller file of contributions
    contribution_months_few: int
    # people with ten bills of last year each, and how many of them the smaller ledger has
    annual_people: int
    annual_people_few: int
    # accounts whose year is ended, those of the smaller ledger, and those that are ended beside spends
    year_end_people: int
    year_end_people_few: int
    year_end_people_beside: int
    # the staff of an employer of thirty years, and of one of one year
    age_staff: int
    # people of whom twelve months are corrected, by thousands
    correction_people: int

    @property
    def small_books(self) -> int:
        return self.small_entries // self.entries_per_book

    @property
    def large_books(self) -> int:
        return self.large_entries // self.entries_per_book

    @property
    def contribution_books(self) -> int:
        return self.contributions // self.contributions_per_book

    @property
    def contributions_few(self) -> int:
        return self.contribution_books * self.contribution_months_few

    def wants(self, *parts: str) -> bool:
        return any(part in self.parts for part in parts)


def plan_from_environment() -> Plan:
    """SIZE=full|small|huge, ROUNDS, SECONDS, PEERS=1, ONLY=part,part."""
    size = os.environ.get("SIZE") or "full"
    if size not in {"full", "small", HUGE}:
        raise SystemExit(f"SIZE is full, small or huge, not {size}")
    full = size != "small"
    chosen = [part.strip() for part in (os.environ.get("ONLY") or "").split(",") if part.strip()]
    if unknown := sorted(set(chosen) - set(PARTS)):
        raise SystemExit(f"ONLY knows {', '.join(PARTS)}, not {', '.join(unknown)}")
    parts = (HUGE,) if size == HUGE else tuple(chosen) or PARTS
    if os.environ.get("PEERS") != "1":
        parts = tuple(part for part in parts if part != "peer")
    return Plan(
        size=size,
        parts=parts,
        rounds=int(os.environ.get("ROUNDS") or 3),
        seconds=float(os.environ.get("SECONDS") or (6 if full else 1.5)),
        latency_seconds=float(os.environ.get("SECONDS") or (5 if full else 0.8)),
        small_entries=100_000 if full else 50_000,
        large_entries=10_000_000 if full else 1_000_000,
        huge_entries=100_000_000,
        entries_per_book=100,
        contributions=1_000_000 if full else 100_000,
        contributions_per_book=10,
        contribution_months_few=1 if full else 5,
        annual_people=100_000 if full else 5_000,
        annual_people_few=10_000 if full else 1_000,
        year_end_people=1_000_000 if full else 50_000,
        year_end_people_few=100_000 if full else 5_000,
        year_end_people_beside=100_000 if full else 50_000,
        age_staff=1_000 if full else 100,
        correction_people=100_000 if full else 5_000,
    )
