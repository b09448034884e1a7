"""From the text of a policy file to a Policy: every fault names the file, the parameter and the date."""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeGuard, TypeVar

from ledger.policy import values
from ledger.policy.access import read_access
from ledger.policy.approvals import read_approvals
from ledger.policy.calendar import (
    HOLIDAYS,
    WORKED,
    WorkCalendar,
    check_worked,
    days_of,
    parse_days_of_year,
)
from ledger.policy.care import CHRONIC_UNITS, read_care
from ledger.policy.cases import read_cases
from ledger.policy.dated import ONE_DAY, Dated, DatedLine, MissingParameter, ParameterLine
from ledger.policy.estates import read_estates
from ledger.policy.findings import read_findings
from ledger.policy.parameters import (
    ALL_UNITS,
    ESTIMATES_IN_A_ROW,
    SUBSIDY_GROUPS,
    SUBSIDY_SHARE,
    TAKEN_BACK_FROM,
    Policy,
)
from ledger.policy.spending import read_caps
from ledger.policy.transfers import read_transfers

ValueT = TypeVar("ValueT")

PACKAGED_POLICIES = Path(__file__).parent.parent / "policies"

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


def load_policy(text: str, filename: str, *, complete: bool = True) -> Policy:
    """The policy that a file's text says. Raises PolicyError for the first thing wrong with it.

    A version that was stored before a parameter was known lacks it: `complete=False` loads it all the same,
    and the parameter has no value on any day.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError(filename, f"not TOML: {error}") from error
    for key in document:
        if key not in ("area", "parameter"):
            raise PolicyError(filename, f"unknown section {key}")
    area, name = _area(document.get("area"), filename)
    rows = document.get("parameter")
    if not isinstance(rows, list):
        raise PolicyError(filename, "no [[parameter]] lines")
    parameters = tuple(_line(row, filename) for row in rows)

    by_name: dict[str, list[ParameterLine]] = {known: [] for known in ALL_UNITS}
    for line in parameters:
        by_name[line.name].append(line)

    def optional(parameter: str, parse: Callable[[str], ValueT]) -> Dated[ValueT]:
        return _dated(parameter, by_name[parameter], parse, filename)

    def dated(parameter: str, parse: Callable[[str], ValueT]) -> Dated[ValueT]:
        if complete and not by_name[parameter]:
            raise PolicyError(filename, "missing parameter", parameter)
        return optional(parameter, parse)

    policy = Policy(
        area=area,
        name=name,
        interest_demand=dated("interest.demand", values.parse_rate),
        interest_three_month=dated("interest.three_month", values.parse_rate),
        day_basis=dated("interest.day_basis", values.parse_day_basis),
        pocket_order=dated("spending.pocket_order", values.parse_pocket_order),
        caps=read_caps(optional),
        hold_days_max=dated("holds.days_max", values.parse_days),
        average_wage=dated("contributions.average_wage", values.parse_average_wage),
        base_floor=dated("contributions.floor_share", values.parse_multiple),
        base_cap=dated("contributions.cap_share", values.parse_multiple),
        employee_rate=dated("contributions.employee_rate", values.parse_rate),
        employer_rate=dated("contributions.employer_rate", values.parse_rate),
        flexible_rate=dated("contributions.flexible_rate", values.parse_rate),
        flexible_account_rate=dated("contributions.flexible_account_rate", values.parse_rate),
        due_day=dated("contributions.due_day", values.parse_due_day),
        due_shift=dated("contributions.due_shift", values.parse_due_shift),
        part_payment=dated("contributions.part_payment", values.parse_part_payment),
        estimate_share=dated("contributions.estimate_share", values.parse_multiple),
        estimates_in_a_row=optional(ESTIMATES_IN_A_ROW, values.parse_in_a_row),
        late_fee_rate=dated("late_fee.daily_rate", values.parse_rate),
        late_fee_cap=dated("late_fee.cap", values.parse_late_fee_cap),
        retiree_credit=dated("retirees.monthly_credit", values.parse_amount),
        unemployment_base=dated("unemployment.base_share", values.parse_multiple),
        unemployment_account=dated("unemployment.account_credit", values.parse_switch),
        resident_premium=dated("residents.premium", values.parse_amount),
        resident_subsidies={
            group: dated(SUBSIDY_SHARE + group, values.parse_share) for group in SUBSIDY_GROUPS
        },
        registration_days=dated("registration.days", values.parse_days),
        corrections_taken_back_from=optional(TAKEN_BACK_FROM, values.parse_amount),
        care=read_care(dated, optional),
        access=read_access(optional),
        findings=read_findings(optional),
        calendar=_calendar(by_name, filename),
        cases=read_cases(optional),
        approvals=read_approvals(optional),
        transfers=read_transfers(optional),
        estates=read_estates(optional),
        text=text,
        hash=sha256(text.encode()).hexdigest(),
        parameters=parameters,
    )
    _check_never_above(policy.base_floor, policy.base_cap, filename)
    _check_never_above(policy.flexible_account_rate, policy.flexible_rate, filename)
    _check_all_or_none(by_name, filename)
    return policy


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
        except OSError as error:
            raise PolicyError(str(path), f"cannot be read ({error.strerror})") from None
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

    if name not in ALL_UNITS:
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
    if texts["unit"] != ALL_UNITS[name]:
        raise wrong(f"unit must be {ALL_UNITS[name]}, not {texts['unit']}")
    return ParameterLine(name, texts["unit"], texts["value"], valid_from, valid_until, texts["source"])


def _is_date(value: object) -> TypeGuard[date]:
    # A TOML date with a time is a datetime, which Python also counts as a date.
    return isinstance(value, date) and not isinstance(value, datetime)


def _dated(
    name: str, lines: list[ParameterLine], parse: Callable[[str], ValueT], filename: str
) -> Dated[ValueT]:
    """The lines of one parameter, checked against each other: sorted, no gap, no overlap, good values."""
    dated: list[DatedLine[ValueT]] = []
    following: list[ParameterLine | None] = [*lines[1:], None]
    for line, after in zip(lines, following, strict=False):
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
        dated.append(DatedLine(line.valid_from, valid_until, value, line.unit, line.source, line.value))
    return Dated(name, tuple(dated))


def _checked_end(line: ParameterLine, after: ParameterLine, filename: str) -> date:
    """The last day of `line`, given the line after it: the eve of that one, or PolicyError."""

    def wrong(problem: str) -> PolicyError:
        return PolicyError(filename, problem, after.name, after.valid_from)

    if after.valid_from == line.valid_from:
        raise wrong("two lines from the same day")
    if after.valid_from < line.valid_from:
        raise wrong(f"not sorted: stands after the line from {line.valid_from}")
    eve = after.valid_from - ONE_DAY
    if line.valid_until is not None and line.valid_until > eve:
        raise wrong(f"overlap: the line before it holds until {line.valid_until}")
    if line.valid_until is not None and line.valid_until < eve:
        raise wrong(f"gap: the line before it holds until {line.valid_until}")
    return eve


def _check_never_above(low: Dated[int], high: Dated[int], filename: str) -> None:
    """PolicyError when `low` is more than `high` on a day. A day on which either is missing is no fault."""
    # Between two of these days neither changes.
    for day in sorted({line.valid_from for line in (*low.lines, *high.lines)}):
        try:
            fits = low.on(day) <= high.on(day)
        except MissingParameter:
            continue
        if not fits:
            raise PolicyError(filename, f"more than {high.name} on that day", low.name, day)


def _check_all_or_none(by_name: Mapping[str, list[ParameterLine]], filename: str) -> None:
    """PolicyError when an area has some of the chronic parameters, or not all of them on the same days."""
    given = [name for name in CHRONIC_UNITS if by_name[name]]
    if not given:
        return
    days = _first_and_last(by_name[given[0]])
    for name in CHRONIC_UNITS:
        lines = by_name[name]
        if not lines:
            raise PolicyError(filename, f"missing parameter: {given[0]} is there, and needs it", name)
        if _first_and_last(lines) != days:
            raise PolicyError(filename, f"holds on other days than {given[0]}", name, lines[0].valid_from)


def _calendar(by_name: Mapping[str, list[ParameterLine]], filename: str) -> WorkCalendar:
    """The working days, checked year by year. Raises PolicyError."""
    said = [_dated(name, by_name[name], parse_days_of_year, filename) for name in (HOLIDAYS, WORKED)]
    days: list[set[date]] = [set(), set()]
    years = {line.valid_from.year for line in said[0].lines}
    for dated, found in zip(said, days, strict=True):
        for line in dated.lines:
            try:
                of_line = days_of(line)
                if dated.name == WORKED:
                    check_worked(of_line, days[0], years)
            except ValueError as error:
                raise PolicyError(filename, str(error), dated.name, line.valid_from) from error
            found.update(of_line)
    return WorkCalendar(said[0], said[1], frozenset(days[0]), frozenset(days[1]))


def _first_and_last(lines: list[ParameterLine]) -> tuple[date, date | None]:
    return lines[0].valid_from, lines[-1].valid_until
