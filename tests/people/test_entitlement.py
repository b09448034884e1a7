"""Whether the pooled fund takes part on a day, and how months and working days are counted."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chart.care import Coverage
from ledger.chart.members import MemberClass
from ledger.months import months_after
from ledger.people.entitlement import entitlement
from ledger.people.membership import Enrolment
from ledger.policy import Dated, DatedLine, MissingParameter, Policy, load_policies

EXAMPLE_AREA = load_policies()["990100"]
ACTIVE, RETIRED, FLEXIBLE = MemberClass.ACTIVE, MemberClass.RETIRED, MemberClass.FLEXIBLE
COVERED, PAUSED, WAITING = Coverage.COVERED, Coverage.PAUSED, Coverage.WAITING
DAY = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def enrolled(*rows: tuple[str, str | None] | tuple[str, str | None, MemberClass]) -> list[Enrolment]:
    """Enrolments in the order in which they were recorded: first day, last day, class (active)."""
    found = []
    for seq, (first, last, *rest) in enumerate(rows, start=1):
        member_class = rest[0] if rest else ACTIVE
        found.append(Enrolment(seq, member_class, 7, day(first), None if last is None else day(last)))
    return found


def area(**values: int) -> Policy:
    """The example area with some fields of its care decided otherwise, for all days."""
    changed = {
        field: Dated(field, (DatedLine(date(1900, 1, 1), None, value, "months", "a test"),))
        for field, value in values.items()
    }
    return replace(EXAMPLE_AREA, care=replace(EXAMPLE_AREA.care, **changed))  # type: ignore[arg-type]  # fields by name


def on(enrolments: list[Enrolment], care_date: str, policy: Policy = EXAMPLE_AREA) -> object:
    return entitlement(policy, enrolments, day(care_date), resident=False)


LONG_AGO = ("2020-01-01", "2025-12-31")
# back after exactly three months, and after a day more
BACK_IN_TIME = enrolled(LONG_AGO, ("2026-04-01", None))
BACK_LATE = enrolled(LONG_AGO, ("2026-04-02", None))
# on leave for a month while the wait goes on
IN_AND_OUT = enrolled(LONG_AGO, ("2026-05-01", "2026-06-30"), ("2026-08-01", None))
OVERLAPPING = enrolled(("2020-01-01", None), ("2021-01-01", "2021-06-30"), ("2026-05-01", "2026-12-31"))

CASES = {
    "the first day": (enrolled(LONG_AGO), "2020-01-01", (ACTIVE, COVERED)),
    "the last day": (enrolled(LONG_AGO), "2025-12-31", (ACTIVE, COVERED)),
    "the day after": (enrolled(LONG_AGO), "2026-01-01", (ACTIVE, PAUSED)),
    "for good": (enrolled(("2020-01-01", None)), "2099-12-31", (ACTIVE, COVERED)),
    "never enrolled": ([], "1995-01-01", (ACTIVE, COVERED)),
    "between two": (BACK_IN_TIME, "2026-03-31", (ACTIVE, PAUSED)),
    "a gap of three months": (BACK_IN_TIME, "2026-04-01", (ACTIVE, COVERED)),
    "a day more": (BACK_LATE, "2026-04-02", (ACTIVE, WAITING)),
    "the last day of the wait": (BACK_LATE, "2026-10-01", (ACTIVE, WAITING)),
    "the day after the wait": (BACK_LATE, "2026-10-02", (ACTIVE, COVERED)),
    "before the gap": (BACK_LATE, "2025-12-31", (ACTIVE, COVERED)),
    "a second start within the wait": (IN_AND_OUT, "2026-08-01", (ACTIVE, WAITING)),
    "out again within the wait": (IN_AND_OUT, "2026-07-31", (ACTIVE, PAUSED)),
    "the wait goes by the first start": (IN_AND_OUT, "2026-10-31", (ACTIVE, WAITING)),
    "and ends by it": (IN_AND_OUT, "2026-11-01", (ACTIVE, COVERED)),
    "one that goes on leaves no gap": (OVERLAPPING, "2026-05-01", (ACTIVE, COVERED)),
    "a year abroad, retired since": (
        enrolled(("2020-01-01", "2024-12-31"), ("2026-01-01", None, RETIRED)),
        "2026-01-01",
        (RETIRED, COVERED),
    ),
    "a resident in between has no gap": (
        enrolled(
            ("2020-01-01", "2024-12-31"),
            ("2025-01-01", "2025-12-31", MemberClass.RESIDENT),
            ("2026-01-01", None),
        ),
        "2026-01-01",
        (ACTIVE, COVERED),
    ),
    "a resident by enrolment": (
        enrolled(LONG_AGO, ("2026-01-01", None, MemberClass.RESIDENT)),
        "2026-02-01",
        (MemberClass.RESIDENT, Coverage.RESIDENT),
    ),
    "the one recorded last says the class": (
        enrolled(("2020-01-01", None, FLEXIBLE), ("2019-01-01", None)),
        "2026-01-01",
        (ACTIVE, COVERED),
    ),
    "not the one that begins last": (
        enrolled(("2019-01-01", None), ("2018-01-01", None, FLEXIBLE)),
        "2026-01-01",
        (FLEXIBLE, COVERED),
    ),
    "after all of them, that of the last to end": (
        enrolled(("2020-01-01", "2025-12-31", FLEXIBLE), ("2020-01-01", "2021-12-31")),
        "2026-01-01",
        (FLEXIBLE, PAUSED),
    ),
    "one still to come says nothing": (
        enrolled(LONG_AGO, ("2026-06-01", None, RETIRED)),
        "2026-05-31",
        (ACTIVE, PAUSED),
    ),
    # 30 November and three months: February has no 30th, so the gap ends with it
    "a gap that ends with February": (
        enrolled(("2020-01-01", "2025-11-29"), ("2026-03-01", None)),
        "2026-03-01",
        (ACTIVE, COVERED),
    ),
    "a gap that ends after February": (
        enrolled(("2020-01-01", "2025-11-29"), ("2026-03-02", None)),
        "2026-03-02",
        (ACTIVE, WAITING),
    ),
    "a wait up to a leap day": (
        enrolled(("2020-01-01", "2025-12-31"), ("2027-08-29", None)),
        "2028-02-28",
        (ACTIVE, WAITING),
    ),
    "covered from a leap day": (
        enrolled(("2020-01-01", "2025-12-31"), ("2027-08-29", None)),
        "2028-02-29",
        (ACTIVE, COVERED),
    ),
    "a wait from a leap day": (
        enrolled(("2020-01-01", "2022-12-31"), ("2024-02-29", None)),
        "2024-08-28",
        (ACTIVE, WAITING),
    ),
    "half a year from a leap day": (
        enrolled(("2020-01-01", "2022-12-31"), ("2024-02-29", None)),
        "2024-08-29",
        (ACTIVE, COVERED),
    ),
}


@pytest.mark.parametrize(("enrolments", "care_date", "found"), CASES.values(), ids=CASES.keys())
def test_class_and_coverage(
    enrolments: list[Enrolment], care_date: str, found: tuple[MemberClass, Coverage]
) -> None:
    assert on(enrolments, care_date) == found
    # the order in which they are read decides nothing
    assert on(enrolments[::-1], care_date) == found


def test_a_book_without_account_is_a_residents() -> None:
    found = (MemberClass.RESIDENT, Coverage.RESIDENT)
    assert entitlement(EXAMPLE_AREA, [], day("2026-01-01"), resident=True) == found
    # no figures of the area are needed for it
    assert entitlement(EXAMPLE_AREA, [], day("1995-01-01"), resident=True) == found


def test_before_the_first_enrolment_the_fund_takes_no_part() -> None:
    first = (*LONG_AGO, MemberClass.FLEXIBLE)
    later = enrolled(("2021-01-01", None), first)
    assert on(later, "2019-12-31") == (MemberClass.FLEXIBLE, PAUSED)
    assert on(later, "2020-01-01") == (MemberClass.FLEXIBLE, COVERED)


@pytest.mark.parametrize("enrolments", [[], enrolled(("2020-01-01", None))], ids=["none", "before it"])
def test_before_the_opening_the_fund_takes_no_part(enrolments: list[Enrolment]) -> None:
    def found(care_date: str) -> object:
        opened_on = day("2026-03-10")
        return entitlement(EXAMPLE_AREA, enrolments, day(care_date), resident=False, opened_on=opened_on)

    assert found("2026-03-09") == (ACTIVE, PAUSED)
    assert found("2026-03-10") == (ACTIVE, COVERED)


ELSEWHERE = {
    "the whole gap": ([("2026-01-01", "2026-04-01")], COVERED),
    "all but three months": ([("2026-01-01", "2026-01-01")], COVERED),
    "the end of it": ([("2026-01-02", "2026-04-01")], COVERED),
    "two parts of it": ([("2026-03-01", None), ("2025-06-01", "2026-02-01")], COVERED),
    "nothing of it": ([("2019-01-01", "2025-12-31")], WAITING),
    "what comes after it": ([("2026-04-02", None)], WAITING),
    "long before it all": ([("2000-01-01", "2001-01-01")], WAITING),
}


@pytest.mark.parametrize(("spans", "coverage"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_insurance_of_another_scheme_closes_a_gap(
    spans: list[tuple[str, str | None]], coverage: Coverage
) -> None:
    elsewhere = enrolled(*((*span, MemberClass.RESIDENT) for span in spans))
    for order in (elsewhere, elsewhere[::-1]):
        found = entitlement(EXAMPLE_AREA, BACK_LATE, day("2026-04-02"), resident=False, elsewhere=order)
        assert found == (ACTIVE, coverage)


def test_a_gap_that_ended_in_another_scheme_makes_wait_from_there() -> None:
    back = enrolled(LONG_AGO, ("2026-06-01", None))
    elsewhere = enrolled(("2026-05-01", "2026-05-31"))
    found = [
        entitlement(EXAMPLE_AREA, back, day(care), resident=False, elsewhere=elsewhere)[1]
        for care in ("2026-10-31", "2026-11-01")
    ]
    assert found == [WAITING, COVERED]


def test_what_was_before_the_first_enrolment_makes_nobody_wait() -> None:
    two = enrolled(("2026-01-01", "2026-01-31"), ("2026-02-01", None))
    before = enrolled(("2024-01-01", "2024-12-31"))
    assert entitlement(EXAMPLE_AREA, two, day("2026-02-01"), resident=False, elsewhere=before)[1] is COVERED


def test_an_area_decides_gap_and_wait() -> None:
    no_wait = area(waiting_months=0)
    assert on(BACK_LATE, "2026-04-02", no_wait) == (ACTIVE, COVERED)
    strict = area(waiting_gap_months=0, waiting_months=1)
    assert on(BACK_IN_TIME, "2026-04-30", strict) == (ACTIVE, WAITING)
    assert on(BACK_IN_TIME, "2026-05-01", strict) == (ACTIVE, COVERED)
    next_day = enrolled(LONG_AGO, ("2026-01-01", None))
    assert on(next_day, "2026-01-01", strict) == (ACTIVE, COVERED)


def test_a_wait_without_figures_is_missing() -> None:
    two = enrolled(("1995-01-01", "1995-12-31"), ("1998-01-01", None))
    with pytest.raises(MissingParameter, match=r"waiting\.gap_months"):
        on(two, "1998-02-01")


DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))
SPANS = st.builds(
    lambda first, length, member_class: (first, length, member_class),
    DAYS,
    st.one_of(st.none(), st.integers(0, 900)),
    st.sampled_from(MemberClass),
)


@given(st.lists(SPANS, min_size=1, max_size=5), DAYS)
def test_the_fund_takes_part_only_where_somebody_is_enrolled(
    spans: list[tuple[date, int | None, MemberClass]], care_date: date
) -> None:
    enrolments = [
        Enrolment(seq, member_class, 7, first, None if length is None else first + length * DAY)
        for seq, (first, length, member_class) in enumerate(spans, start=1)
    ]
    covering = [
        one for one in enrolments if one.first <= care_date and (one.last is None or care_date <= one.last)
    ]
    member_class, coverage = entitlement(EXAMPLE_AREA, enrolments, care_date, resident=False)
    assert (coverage is PAUSED) == (not covering)
    if covering:
        assert member_class is covering[-1].member_class
        assert (coverage is Coverage.RESIDENT) == (member_class is MemberClass.RESIDENT)
    if coverage is WAITING:
        assert member_class is not RETIRED
        # nobody waits without days on which nobody was enrolled, or for longer than the wait
        begin = months_after(care_date, -7)
        uncovered = [
            begin + n * DAY
            for n in range(-200, (care_date - begin).days)
            if not any(
                one.first <= begin + n * DAY and (one.last is None or begin + n * DAY <= one.last)
                for one in enrolments
            )
        ]
        assert len(uncovered) > 85


# -- months and working days -----------------------------------------------------------------------------
