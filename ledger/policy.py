"""The rules of an area as dated numbers: read from TOML, checked as a whole, then frozen.

A number that a regulation or an area may change is a line in ledger/policies/<area>.toml. `Policy` has
one typed field per parameter, so a misspelt parameter fails in the type check and not at year end.
Nothing here has a default: what an area has not decided is an error at load, and what it has not decided
*yet* (a last line with `until`) is a MissingParameter for the days after it.

A new parameter is a line in UNITS, a field of Policy, a line in load_policy and lines in each area's file.
"""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeGuard, TypeVar

ValueT = TypeVar("ValueT")

# Yearly rates are integers in parts per hundred million: eight decimals, finer than any published rate.
RATE_SCALE = 10**8
RATE_DECIMALS = 8

# The parameters there are, and what each is counted in.
UNITS: dict[str, str] = {
    "interest.demand": "per_year",
    "interest.three_month": "per_year",
    "interest.day_basis": "days_per_year",
    "spending.pocket_order": "order",
    "holds.days_max": "days",
}

PACKAGED_POLICIES = Path(__file__).parent / "policies"

_ONE_DAY = timedelta(days=1)
_KEYS = frozenset(("name", "unit", "value", "from", "until", "source"))


class PolicyError(Exception):
    """A policy file that may not be used. The message names the file, the parameter and the date."""

    def __init__(
        self, filename: str, problem: str, parameter: str | None = None, day: date | None = None
    ) -> None:
        where = [filename]
        if parameter is not None:
            where.append(parameter if day is None else f"{parameter} from {day.isoformat()}")
        super().__init__(": ".join([*where, problem]))


class MissingParameter(LookupError):
    """A parameter has no value on a day. An expected state; whoever asks decides what is refused for it."""

    def __init__(self, name: str, day: date) -> None:
        super().__init__(f"{name} has no value on {day.isoformat()}")
        self.name = name
        self.day = day


class PocketOrder(StrEnum):
    """Which pocket pays first (rule K6)."""

    CURRENT_YEAR_FIRST = "current_year_first"
    CARRIED_OVER_FIRST = "carried_over_first"


@dataclass(frozen=True, slots=True)
class ParameterLine:
    """One dated line as the file has it, for showing. `valid_until` is None where the file leaves it out."""

    name: str
    unit: str
    value: str
    valid_from: date
    valid_until: date | None
    source: str


@dataclass(frozen=True, slots=True)
class DatedLine(Generic[ValueT]):
    """One value and the days it holds, both inclusive; `valid_until` None means for good."""

    valid_from: date
    valid_until: date | None
    value: ValueT
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Dated(Generic[ValueT]):
    """The values of one parameter through time: sorted, without gap or overlap."""

    name: str
    lines: tuple[DatedLine[ValueT], ...]

    def on(self, day: date) -> ValueT:
        """The value on `day`. Raises MissingParameter before the first line and after an ended last one."""
        for line in reversed(self.lines):  # what is asked for is nearly always the latest
            if line.valid_from <= day:
                if line.valid_until is None or day <= line.valid_until:
                    return line.value
                break
        raise MissingParameter(self.name, day)

    def bands(self, first: date, last: date) -> list[tuple[date, date, ValueT]]:
        """The values from `first` to `last`, both inclusive, as (first day, last day, value) in order.

        The bands cover every day asked for, else MissingParameter names the first day without a value. No
        days, when `first` is after `last`, are no bands.
        """
        bands: list[tuple[date, date, ValueT]] = []
        if first > last:
            return bands
        uncovered = first
        for line in self.lines:
            if line.valid_from > last or (line.valid_until is not None and line.valid_until < first):
                continue
            if line.valid_from > uncovered:
                break
            band_last = last if line.valid_until is None else min(line.valid_until, last)
            bands.append((uncovered, band_last, line.value))
            if band_last == last:
                return bands
            uncovered = band_last + _ONE_DAY
        raise MissingParameter(self.name, uncovered)


# Compared by identity, so that a Policy is a cheap cache key: two loaded policies say the same when their
# `hash` is the same.
@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """The rules of one area, in one version. Rates are integers in parts per RATE_SCALE per year.

    `hash` (SHA-256 of the file's bytes, hex) is the version that every entry names; `text` is the file, so
    that a version once used can be stored and loaded again.
    """

    area: str
    name: str
    interest_demand: Dated[int]
    interest_three_month: Dated[int]
    day_basis: Dated[int]
    pocket_order: Dated[PocketOrder]
    hold_days_max: Dated[int]
    text: str
    hash: str
    parameters: tuple[ParameterLine, ...]


def parse_rate(value: str) -> int:
    """A yearly rate such as "0.0110" in parts per RATE_SCALE. ValueError unless 0 ≤ rate < 1.

    The bound is there because "1.10", meant as per cent, is the likely slip.
    """
    match = re.fullmatch(rf"0(?:\.([0-9]{{1,{RATE_DECIMALS}}}))?", value)
    if match is None:
        raise ValueError(f'a rate is a fraction of one, as "0.0110", with at most {RATE_DECIMALS} decimals')
    return int((match.group(1) or "").ljust(RATE_DECIMALS, "0"))


def parse_day_basis(value: str) -> int:
    """The days that a yearly rate is divided by. ValueError unless 360 or 365."""
    if value not in ("360", "365"):
        raise ValueError('the day basis is "360" or "365"')
    return int(value)


def parse_pocket_order(value: str) -> PocketOrder:
    """ValueError unless one of the two orders."""
    if value not in tuple(PocketOrder):
        raise ValueError('the order is "current_year_first" or "carried_over_first"')
    return PocketOrder(value)


def parse_days(value: str) -> int:
    """A number of days. ValueError unless 1 to 9999, without sign or leading zero."""
    if re.fullmatch(r"[1-9][0-9]{0,3}", value) is None:
        raise ValueError('days are a whole number from "1" to "9999"')
    return int(value)


def load_policy(text: str, filename: str) -> Policy:
    """The policy that a file's text says. Raises PolicyError for the first thing wrong with it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(filename, f"not TOML: {error}") from error
    for key in document:
        if key not in ("area", "parameter"):
            raise PolicyError(filename, f"unknown section {key}")
    area, name = _area(document.get("area"), filename)
    rows = document.get("parameter")
    if not isinstance(rows, list):
        raise PolicyError(filename, "no [[parameter]] lines")
    parameters = tuple(_line(row, filename) for row in rows)

    by_name: dict[str, list[ParameterLine]] = {known: [] for known in UNITS}
    for line in parameters:
        by_name[line.name].append(line)

    def dated(parameter: str, parse: Callable[[str], ValueT]) -> Dated[ValueT]:
        return _dated(parameter, by_name[parameter], parse, filename)

    return Policy(
        area=area,
        name=name,
        interest_demand=dated("interest.demand", parse_rate),
        interest_three_month=dated("interest.three_month", parse_rate),
        day_basis=dated("interest.day_basis", parse_day_basis),
        pocket_order=dated("spending.pocket_order", parse_pocket_order),
        hold_days_max=dated("holds.days_max", parse_days),
        text=text,
        hash=sha256(text.encode()).hexdigest(),
        parameters=parameters,
    )


def load_policies(directory: Path | None = None) -> dict[str, Policy]:
    """Every area's policy by area code, from the *.toml of a folder (default: the ones shipped).

    Raises PolicyError for any file that may not be used, for one not named after its area, and for a
    folder without policies, which is more likely a wrong folder than an agency without areas.
    """
    folder = PACKAGED_POLICIES if directory is None else directory
    policies: dict[str, Policy] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            # Not read_text: it would turn line ends, and the hash is over the bytes of the file.
            text = path.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise PolicyError(path.name, "not UTF-8") from error
        policy = load_policy(text, path.name)
        if path.stem != policy.area:
            raise PolicyError(path.name, f"holds area {policy.area}, so its name must be {policy.area}.toml")
        policies[policy.area] = policy
    if not policies:
        raise PolicyError(str(folder), "no policy files (*.toml)")
    return policies


def _area(section: object, filename: str) -> tuple[str, str]:
    if not isinstance(section, dict) or set(section) != {"code", "name"}:
        raise PolicyError(filename, "[area] must hold code and name, and nothing else")
    code, name = section["code"], section["name"]
    if not isinstance(code, str) or re.fullmatch(r"[0-9]{6}", code) is None:
        raise PolicyError(filename, "area code must be a string of six digits")
    if not isinstance(name, str) or not name.strip():
        raise PolicyError(filename, "area name is empty")
    return code, name


def _line(row: object, filename: str) -> ParameterLine:
    """One [[parameter]], checked by itself: the keys, their types, a known name, its unit."""
    if not isinstance(row, dict):
        raise PolicyError(filename, "a parameter is written as [[parameter]]")
    name, valid_from, valid_until = row.get("name"), row.get("from"), row.get("until")
    # Checked before the rest, because every other message names the parameter and its date.
    if not isinstance(name, str):
        raise PolicyError(filename, "a [[parameter]] has no name")
    if not _is_date(valid_from):
        raise PolicyError(filename, "from must be there and be a date, as 2026-07-01", name)

    def wrong(problem: str) -> PolicyError:
        return PolicyError(filename, problem, name, valid_from)

    if name not in UNITS:
        raise wrong("unknown parameter")
    for key in row:
        if key not in _KEYS:
            raise wrong(f"unknown key {key}")
    if valid_until is not None and not _is_date(valid_until):
        raise wrong("until must be a date, as 2026-06-30")
    texts: dict[str, str] = {}
    for key in ("unit", "value", "source"):
        text = row.get(key)
        if text is None or (isinstance(text, str) and not text.strip()):
            raise wrong(f"{key} is missing")
        if not isinstance(text, str):  # 0.0035 without quotes would be a binary float
            raise wrong(f'{key} must be a string, as {key} = "…", not {type(text).__name__}')
        texts[key] = text
    if texts["unit"] != UNITS[name]:
        raise wrong(f"unit must be {UNITS[name]}, not {texts['unit']}")
    return ParameterLine(name, texts["unit"], texts["value"], valid_from, valid_until, texts["source"])


def _is_date(value: object) -> TypeGuard[date]:
    # A TOML date with a time is a datetime, which Python also counts as a date.
    return isinstance(value, date) and not isinstance(value, datetime)


def _dated(
    name: str, lines: list[ParameterLine], parse: Callable[[str], ValueT], filename: str
) -> Dated[ValueT]:
    """The lines of one parameter, checked against each other: sorted, no gap, no overlap, good values."""
    if not lines:
        raise PolicyError(filename, "missing parameter", name)
    dated: list[DatedLine[ValueT]] = []
    following: list[ParameterLine | None] = [*lines[1:], None]
    for line, after in zip(lines, following, strict=True):
        valid_until = line.valid_until
        if valid_until is not None and valid_until < line.valid_from:
            raise PolicyError(filename, f"until {valid_until} is before from", name, line.valid_from)
        if after is not None:
            valid_until = _checked_end(line, after, filename)
        try:
            value = parse(line.value)
        except ValueError as error:
            problem = f'bad value "{line.value}": {error}'
            raise PolicyError(filename, problem, name, line.valid_from) from error
        dated.append(DatedLine(line.valid_from, valid_until, value, line.unit, line.source))
    return Dated(name, tuple(dated))


def _checked_end(line: ParameterLine, after: ParameterLine, filename: str) -> date:
    """The last day of `line`, given the line after it: the eve of that one, or PolicyError."""

    def wrong(problem: str) -> PolicyError:
        return PolicyError(filename, problem, after.name, after.valid_from)

    if after.valid_from == line.valid_from:
        raise wrong("two lines from the same day")
    if after.valid_from < line.valid_from:
        raise wrong(f"not sorted: stands after the line from {line.valid_from}")
    eve = after.valid_from - _ONE_DAY
    if line.valid_until is not None and line.valid_until > eve:
        raise wrong(f"overlap: the line before it holds until {line.valid_until}")
    if line.valid_until is not None and line.valid_until < eve:
        raise wrong(f"gap: the line before it holds until {line.valid_until}")
    return eve
