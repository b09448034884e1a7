"""The policy file: what it may say, what is refused at load, and what it answers for a day."""

from dataclasses import fields
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.policy import (
    PACKAGED_POLICIES,
    RATE_SCALE,
    UNITS,
    Dated,
    MissingParameter,
    PocketOrder,
    Policy,
    PolicyError,
    load_policies,
    load_policy,
    parse_rate,
)

AREA = '[area]\ncode = "990100"\nname = "示例市"\n'


def line(name: str, value: str, valid_from: str = "2000-01-01", until: str | None = None) -> str:
    """One [[parameter]] as the file has it, with the right unit and some source."""
    rows = [
        "[[parameter]]",
        f'name = "{name}"',
        f'unit = "{UNITS[name]}"',
        f'value = "{value}"',
        f"from = {valid_from}",
        'source = "a test"',
    ]
    if until is not None:
        rows.append(f"until = {until}")
    return "\n".join(rows) + "\n"


# One line for each parameter but the demand rate, which the tests write themselves.
OTHERS = (
    line("interest.three_month", "0.0110")
    + line("interest.day_basis", "360")
    + line("spending.pocket_order", "current_year_first")
    + line("holds.days_max", "30")
)
DEMAND = line("interest.demand", "0.0035")


def demand(*lines: str) -> Dated[int]:
    return load_policy(AREA + "".join(lines) + OTHERS, "test.toml").interest_demand


# The shipped example area


def test_the_shipped_area_loads_with_its_figures() -> None:
    policies = load_policies()
    assert list(policies) == ["990100"]
    policy = policies["990100"]
    assert (policy.area, policy.name) == ("990100", "示例市")
    assert policy.interest_demand.on(date(2026, 6, 30)) == 350_000  # 0.35 %
    assert policy.interest_demand.on(date(2026, 7, 1)) == 100_000
    assert policy.interest_three_month.on(date(2026, 6, 30)) == 1_100_000
    assert policy.interest_three_month.on(date(2026, 7, 1)) == 650_000
    assert policy.day_basis.on(date(2026, 1, 1)) == 360
    assert policy.pocket_order.on(date(2026, 1, 1)) is PocketOrder.CURRENT_YEAR_FIRST
    assert policy.hold_days_max.on(date(2026, 1, 1)) == 366


def test_the_hash_is_over_the_bytes_of_the_file_and_the_text_loads_again() -> None:
    policy = load_policies()["990100"]
    assert policy.hash == sha256((PACKAGED_POLICIES / "990100.toml").read_bytes()).hexdigest()
    again = load_policy(policy.text, "stored")
    assert again.hash == policy.hash
    assert again.parameters == policy.parameters


def test_line_ends_are_kept_for_the_hash(tmp_path: Path) -> None:
    content = (AREA + DEMAND + OTHERS).replace("\n", "\r\n").encode()
    (tmp_path / "990100.toml").write_bytes(content)
    assert load_policies(tmp_path)["990100"].hash == sha256(content).hexdigest()


def test_every_line_can_be_shown_as_it_stands_in_the_file() -> None:
    policy = load_policies()["990100"]
    rates = [row for row in policy.parameters if row.name == "interest.demand"]
    assert [(row.value, row.unit, row.valid_from, row.valid_until) for row in rates] == [
        ("0.0035", "per_year", date(2000, 1, 1), None),
        ("0.0010", "per_year", date(2026, 7, 1), None),
    ]
    assert all("example area" in row.source for row in policy.parameters)


def test_every_parameter_has_a_field_of_its_own() -> None:
    policy = load_policies()["990100"]
    dated = [getattr(policy, field.name) for field in fields(Policy)]
    assert sorted(value.name for value in dated if isinstance(value, Dated)) == sorted(UNITS)


# Values on a day


def test_a_value_holds_from_its_day_to_the_eve_of_the_next() -> None:
    rate = demand(
        line("interest.demand", "0.0035", "2020-01-01"),
        line("interest.demand", "0.0010", "2026-07-01"),
        line("interest.demand", "0.0005", "2027-01-01", until="2027-12-31"),
    )
    assert rate.on(date(2020, 1, 1)) == 350_000
    assert rate.on(date(2026, 6, 30)) == 350_000
    assert rate.on(date(2026, 7, 1)) == 100_000
    assert rate.on(date(2026, 12, 31)) == 100_000
    assert rate.on(date(2027, 1, 1)) == 50_000
    assert rate.on(date(2027, 12, 31)) == 50_000
    assert [kept.valid_until for kept in rate.lines] == [
        date(2026, 6, 30),
        date(2026, 12, 31),
        date(2027, 12, 31),
    ]


@pytest.mark.parametrize("day", [date(2019, 12, 31), date(2028, 1, 1)])
def test_a_day_outside_is_missing_by_name_and_day(day: date) -> None:
    rate = demand(line("interest.demand", "0.0035", "2020-01-01", until="2027-12-31"))
    with pytest.raises(MissingParameter) as missing:
        rate.on(day)
    assert (missing.value.name, missing.value.day) == ("interest.demand", day)
    assert str(missing.value) == f"interest.demand has no value on {day}"


def test_bands_cover_the_span_and_are_cut_where_the_value_changes() -> None:
    rate = demand(
        line("interest.demand", "0.0035", "2020-01-01", until="2026-06-30"),
        line("interest.demand", "0.0010", "2026-07-01"),
        line("interest.demand", "0.0005", "2027-01-01", until="2027-12-31"),
    )
    assert rate.bands(date(2026, 1, 1), date(2027, 1, 1)) == [
        (date(2026, 1, 1), date(2026, 6, 30), 350_000),
        (date(2026, 7, 1), date(2026, 12, 31), 100_000),
        (date(2027, 1, 1), date(2027, 1, 1), 50_000),
    ]
    # spans that end, begin or lie on a boundary
    assert rate.bands(date(2026, 1, 1), date(2026, 6, 30)) == [(date(2026, 1, 1), date(2026, 6, 30), 350_000)]
    assert rate.bands(date(2026, 7, 1), date(2026, 7, 2)) == [(date(2026, 7, 1), date(2026, 7, 2), 100_000)]
    assert rate.bands(date(2026, 6, 30), date(2026, 6, 30)) == [
        (date(2026, 6, 30), date(2026, 6, 30), 350_000)
    ]
    assert rate.bands(date(2026, 7, 1), date(2026, 6, 30)) == []


@pytest.mark.parametrize(
    ("first", "last", "uncovered"),
    [
        (date(2019, 12, 1), date(2020, 3, 1), date(2019, 12, 1)),
        (date(2018, 1, 1), date(2019, 1, 1), date(2018, 1, 1)),
        (date(2027, 12, 1), date(2028, 3, 1), date(2028, 1, 1)),
        (date(2028, 5, 1), date(2028, 5, 1), date(2028, 5, 1)),
    ],
)
def test_bands_name_the_first_day_without_a_value(first: date, last: date, uncovered: date) -> None:
    rate = demand(line("interest.demand", "0.0035", "2020-01-01", until="2027-12-31"))
    with pytest.raises(MissingParameter, match=f"interest.demand has no value on {uncovered}"):
        rate.bands(first, last)


@pytest.mark.parametrize(
    ("text", "scaled"), [("0", 0), ("0.0", 0), ("0.5", 50_000_000), ("0.0110", 1_100_000), ("0.00000001", 1)]
)
def test_a_rate_is_an_exact_integer(text: str, scaled: int) -> None:
    assert RATE_SCALE == 100_000_000
    assert parse_rate(text) == scaled


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1",
        "-0.01",
        "+0.01",
        ".01",
        "0.",
        "0.000000001",
        "1e-3",
        "0,01",
        " 0.01",
        "0.01\n",
        "0.\u0660\u0661",
    ],
)
def test_a_rate_outside_or_unclear_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="a rate is a fraction of one"):
        parse_rate(text)


def test_the_options_of_an_area() -> None:
    text = AREA + DEMAND + OTHERS
    text = text.replace('"360"', '"365"').replace("current_year_first", "carried_over_first")
    policy = load_policy(text, "test.toml")
    assert policy.day_basis.on(date(2026, 1, 1)) == 365
    assert policy.pocket_order.on(date(2026, 1, 1)) is PocketOrder.CARRIED_OVER_FIRST


# What is refused at load: the file, the parameter and the date are named


IN_2026 = line("interest.demand", "0.0010", "2026-07-01")

BAD_LINES = {
    "duplicate": (
        DEMAND + line("interest.demand", "0.0040"),
        "interest.demand from 2000-01-01: two lines from the same day",
    ),
    "not sorted": (
        IN_2026 + DEMAND,
        "interest.demand from 2000-01-01: not sorted: stands after the line from 2026-07-01",
    ),
    "overlap": (
        line("interest.demand", "0.0035", until="2026-07-01") + IN_2026,
        "interest.demand from 2026-07-01: overlap: the line before it holds until 2026-07-01",
    ),
    "gap": (
        line("interest.demand", "0.0035", until="2026-06-29") + IN_2026,
        "interest.demand from 2026-07-01: gap: the line before it holds until 2026-06-29",
    ),
    "ends before it begins": (
        line("interest.demand", "0.0010", "2026-07-01", until="2026-06-30"),
        "interest.demand from 2026-07-01: until 2026-06-30 is before from",
    ),
    "missing parameter": ("", "interest.demand: missing parameter"),
    "unknown parameter": (
        DEMAND.replace("interest.demand", "interest.demnad"),
        "interest.demnad from 2000-01-01: unknown parameter",
    ),
    "unknown key": (DEMAND + "till = 2026-06-30\n", "interest.demand from 2000-01-01: unknown key till"),
    "wrong unit": (
        DEMAND.replace("per_year", "per_cent"),
        "interest.demand from 2000-01-01: unit must be per_year, not per_cent",
    ),
    "no unit": (
        DEMAND.replace('unit = "per_year"', ""),
        "interest.demand from 2000-01-01: unit is missing",
    ),
    "no source": (
        DEMAND.replace('source = "a test"', ""),
        "interest.demand from 2000-01-01: source is missing",
    ),
    "empty source": (DEMAND.replace("a test", ""), "interest.demand from 2000-01-01: source is missing"),
    "blank source": (DEMAND.replace("a test", "  "), "interest.demand from 2000-01-01: source is missing"),
    "no value": (
        DEMAND.replace('value = "0.0035"', ""),
        "interest.demand from 2000-01-01: value is missing",
    ),
    "float value": (
        DEMAND.replace('"0.0035"', "0.0035"),
        'interest.demand from 2000-01-01: value must be a string, as value = "…", not float',
    ),
    "integer value": (
        DEMAND.replace('"0.0035"', "0"),
        'interest.demand from 2000-01-01: value must be a string, as value = "…", not int',
    ),
    "bad rate": (
        DEMAND.replace("0.0035", "0.35 %"),
        (
            'interest.demand from 2000-01-01: bad value "0.35 %": '
            'a rate is a fraction of one, as "0.0110", with at most 8 decimals'
        ),
    ),
    "from with a time": (
        DEMAND.replace("2000-01-01", "2000-01-01T00:00:00"),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "from as a string": (
        DEMAND.replace("2000-01-01", '"2000-01-01"'),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "no from": (
        DEMAND.replace("from = 2000-01-01", ""),
        "interest.demand: from must be there and be a date, as 2026-07-01",
    ),
    "until as a string": (
        DEMAND + 'until = "2026-06-30"\n',
        "interest.demand from 2000-01-01: until must be a date, as 2026-06-30",
    ),
    "no name": (DEMAND.replace('name = "interest.demand"', ""), "a [[parameter]] has no name"),
}


@pytest.mark.parametrize(("lines", "problem"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_by_file_parameter_and_date(lines: str, problem: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(AREA + lines + OTHERS, "990100.toml")
    assert str(error.value) == f"990100.toml: {problem}"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            '"360"',
            '"364"',
            'interest.day_basis from 2000-01-01: bad value "364": the day basis is "360" or "365"',
        ),
        (
            "current_year_first",
            "cy_first",
            (
                'spending.pocket_order from 2000-01-01: bad value "cy_first": '
                'the order is "current_year_first" or "carried_over_first"'
            ),
        ),
        (
            '"30"',
            '"0"',
            'holds.days_max from 2000-01-01: bad value "0": days are a whole number from "1" to "9999"',
        ),
    ],
)
def test_a_bad_choice_is_refused(old: str, new: str, problem: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy((AREA + DEMAND + OTHERS).replace(old, new), "990100.toml")
    assert str(error.value) == f"990100.toml: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[area\n", "not TOML"),
        (AREA, r"no \[\[parameter\]\] lines"),
        (AREA + "parameter = [1]\n", r"\[area\] must hold code and name, and nothing else"),
        ("parameter = [1]\n" + AREA, r"a parameter is written as \[\[parameter\]\]"),
        (DEMAND, r"\[area\] must hold code and name"),
        ('[area]\ncode = "990100"\n' + DEMAND, r"\[area\] must hold code and name"),
        (AREA.replace('"990100"', "990100") + DEMAND, "area code must be a string of six digits"),
        (AREA.replace("990100", "9901") + DEMAND, "area code must be a string of six digits"),
        (AREA.replace("示例市", " ") + DEMAND, "area name is empty"),
        (AREA + DEMAND.replace("[[parameter]]", "[[parameters]]"), "unknown section parameters"),
    ],
)
def test_a_bad_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PolicyError, match=rf"^990100\.toml: {problem}"):
        load_policy(text, "990100.toml")


def test_a_folder_gives_every_area_by_its_code(tmp_path: Path) -> None:
    for code in ("990200", "990100"):
        text = AREA.replace("990100", code) + DEMAND + OTHERS
        (tmp_path / f"{code}.toml").write_text(text, encoding="utf-8")
    assert [(code, policy.area) for code, policy in load_policies(tmp_path).items()] == [
        ("990100", "990100"),
        ("990200", "990200"),
    ]


def test_a_file_is_named_after_its_area(tmp_path: Path) -> None:
    (tmp_path / "990200.toml").write_text(AREA + DEMAND + OTHERS, encoding="utf-8")
    with pytest.raises(
        PolicyError, match=r"^990200\.toml: holds area 990100, so its name must be 990100\.toml"
    ):
        load_policies(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "990100.toml").write_bytes((AREA + DEMAND + OTHERS).encode("gb18030"))
    with pytest.raises(PolicyError, match=r"^990100\.toml: not UTF-8"):
        load_policies(tmp_path)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy files"):
        load_policies(tmp_path / "elsewhere")
