"""Alternating rounds, and what is kept of them."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.plan import BenchFailed

# what one party measured in one round: numbers by name, and perhaps some words
Measure = dict[str, Any]


def alternate(
    parties: Mapping[str, Callable[[], Measure]],
    rounds: int,
    *,
    warm_up: bool = True,
    say: Callable[[str], None] = print,
) -> dict[str, Measure]:
    """Let every party have its turn in every round, A B C A B C A B C; the medians, and the raw rounds.

    The first turn of each is not counted: plans, caches and the first full pages after a checkpoint are paid
    for there, by everybody.
    """
    raw: dict[str, list[Measure]] = {name: [] for name in parties}
    for number in range(0 if warm_up else 1, rounds + 1):
        began = time.monotonic()
        for name, turn in parties.items():
            measure = turn()
            if measure.get("errors"):
                raise BenchFailed(f"{name}: {measure['errors']} errors, first: {measure.get('first_error')}")
            if number:
                raw[name].append(measure)
        if number:
            say(f"  round {number} of {rounds}: {time.monotonic() - began:.0f} s")
    return {name: {**medians(measures), "rounds": measures} for name, measures in raw.items()}


def medians(measures: Sequence[Measure]) -> Measure:
    """The median of every number that all the rounds have."""
    names = [name for name, value in measures[0].items() if _is_number(value)] if measures else []
    return {name: statistics.median(measure[name] for measure in measures) for name in names}


def latencies(nanoseconds: Sequence[int]) -> Measure:
    """p50 and p99 in microseconds. Sorts a copy."""
    if not nanoseconds:
        raise BenchFailed("nothing was measured")
    ordered = sorted(nanoseconds)
    return {
        "p50_us": round(ordered[len(ordered) // 2] / 1000, 1),
        "p99_us": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1000, 1),
        "max_us": round(ordered[-1] / 1000, 1),
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
