"""The parameters of medical care: tables by kind of care, class and level, funds, points and deadlines."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol, TypeVar

from ledger.policy import values
from ledger.policy.dated import Dated
from ledger.policy.values import Recovery

ValueT = TypeVar("ValueT")

# The two classes that the tables tell apart, and the levels of an institution.
CARE_CLASSES: Final = ("active", "retired")
CARE_LEVELS: Final = (1, 2, 3)
# What was filed for care outside the area (rule R40).
FILINGS: Final = ("long_term", "referred", "emergency", "none")
# Those that can be on file.
FILED: Final = FILINGS[:-1]

ClassAndLevel = tuple[str, int]

_CELLS: Final = tuple((care_class, level) for care_class in CARE_CLASSES for level in CARE_LEVELS)


def _cell(cell: ClassAndLevel) -> str:
    care_class, level = cell
    return f"{care_class}.level_{level}"


def _table_units(table: str, deductibles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((f"{table}.ratio.{_cell(cell)}", "of_in_scope") for cell in _CELLS)
    yield from deductibles.items()
    yield from ((f"{table}.cap.{care_class}", "yuan_per_year") for care_class in CARE_CLASSES)


def _yearly_units(table: str) -> dict[str, str]:
    deductibles = {f"{table}.deductible.{care_class}": "yuan_per_year" for care_class in CARE_CLASSES}
    return dict(_table_units(table, deductibles))


_ADMISSION_UNITS = {f"inpatient.deductible.{_cell(cell)}": "yuan_per_admission" for cell in _CELLS}

# What each parameter of care is counted in.
CARE_UNITS: dict[str, str] = {
    **_yearly_units("outpatient"),
    **dict(_table_units("inpatient", _ADMISSION_UNITS)),
    "inpatient.second_admission_factor": "of_deductible",
    **{f"large_fund.ratio.level_{level}": "of_in_scope" for level in CARE_LEVELS},
    "large_fund.cap": "yuan_per_year",
    "top_up.threshold": "yuan_per_year",
    "top_up.ratio": "of_own_burden",
    **{f"out_of_area.points.{filing}": "off_ratio" for filing in FILINGS},
    "referral.required": "yes_or_no",
    "referral.points": "off_ratio",
    "pharmacy.pooled": "yes_or_no",
    "account.own_expense": "yes_or_no",
    "account.items_refused": "item_prefixes",
    "waiting.gap_months": "months",
    "waiting.months": "months",
    "settlement.quote_minutes": "minutes",
    "settlement.reversal_days": "days",
    "filing.late_days": "days",
    "claims.submit_days": "days",
    "claims.decide_days": "working_days",
    "article_30.recovery": "recovery",
    "article_30.set_off": "yes_or_no",
    "mutual_aid.paused_donor": "yes_or_no",
    "mutual_aid.resident_premium": "yes_or_no",
}

# An area has all of these or none: without them chronic care goes by the outpatient table.
CHRONIC_UNITS: dict[str, str] = _yearly_units("chronic")

# An area may leave these out: what a bill says of a filing is then believed.
ON_FILE_UNITS: dict[str, str] = {f"filing.must_be_on_file.{filing}": "yes_or_no" for filing in FILED}


@dataclass(frozen=True, slots=True, eq=False)
class YearlyTable:
    """What the pooled fund pays of care with one deductible and one cap a year: by class, ratios by level."""

    ratio: Mapping[ClassAndLevel, Dated[int]]
    deductible: Mapping[str, Dated[int]]
    cap: Mapping[str, Dated[int]]


@dataclass(frozen=True, slots=True, eq=False)
class AdmissionTable:
    """What the pooled fund pays of inpatient care: each admission has its deductible, the year one cap."""

    ratio: Mapping[ClassAndLevel, Dated[int]]
    deductible: Mapping[ClassAndLevel, Dated[int]]
    # what of the deductible the second admission of a year has, and every later one
    second_admission_factor: Dated[int]
    cap: Mapping[str, Dated[int]]


@dataclass(frozen=True, slots=True, eq=False)
class CarePolicy:
    """An area's numbers for care. Ratios, points and shares are in parts per RATE_SCALE, amounts in fen.

    A class is one of CARE_CLASSES, a level one of CARE_LEVELS, a filing one of FILINGS.
    """

    outpatient: YearlyTable
    inpatient: AdmissionTable
    # its parameters have no lines in an area that has none of its own: ask `has_chronic`
    chronic: YearlyTable
    # inpatient care above the cap, by level
    large_ratio: Mapping[int, Dated[int]]
    large_cap: Dated[int]
    top_up_threshold: Dated[int]
    top_up_ratio: Dated[int]
    out_of_area_points: Mapping[str, Dated[int]]
    referral_required: Dated[bool]
    referral_points: Dated[int]
    # whether a pharmacy purchase goes by the outpatient table
    pharmacy_pooled: Dated[bool]
    # whether the account may pay what is outside the catalogue or above its price limit
    account_own_expense: Dated[bool]
    # what the codes of items begin with that neither fund nor account pays
    items_refused: Dated[tuple[str, ...]]
    waiting_gap_months: Dated[int]
    waiting_months: Dated[int]
    quote_minutes: Dated[int]
    reversal_days: Dated[int]
    # how many days after the end of a year a late filing still counts
    filing_late_days: Dated[int]
    # what of the filings that bills name has to be on file; no line is no: ask `must_be_on_file`
    filing_on_file: Mapping[str, Dated[bool]]
    claim_submit_days: Dated[int]
    # working days
    claim_decide_days: Dated[int]
    recovery: Dated[Recovery]
    # whether what is owed may be taken from the account
    set_off: Dated[bool]
    paused_donor: Dated[bool]
    # whether mutual aid may pay a relative's resident premium
    aid_resident_premium: Dated[bool]

    def has_chronic(self, day: date) -> bool:
        """Whether chronic care has a table of its own on `day`: its parameters hold on the same days."""
        return self.chronic.cap["active"].holds_on(day)

    def must_be_on_file(self, filing: str, day: date) -> bool:
        """Whether a filing that a bill names has to be on file; "none" never has."""
        switch = self.filing_on_file.get(filing)
        return switch is not None and switch.holds_on(day) and switch.on(day)


class Reader(Protocol):
    """The dated values of one parameter, each read by `parse`."""

    def __call__(self, parameter: str, parse: Callable[[str], ValueT]) -> Dated[ValueT]: ...


def read_care(required: Reader, optional: Reader) -> CarePolicy:
    """The care of a policy file: `required` raises for a parameter without lines, `optional` does not."""

    def ratio(table: str, read: Reader) -> dict[ClassAndLevel, Dated[int]]:
        return {cell: read(f"{table}.ratio.{_cell(cell)}", values.parse_share) for cell in _CELLS}

    def amounts(name: str, read: Reader) -> dict[str, Dated[int]]:
        return {one: read(f"{name}.{one}", values.parse_amount) for one in CARE_CLASSES}

    def yearly(table: str, read: Reader) -> YearlyTable:
        return YearlyTable(
            ratio(table, read), amounts(f"{table}.deductible", read), amounts(f"{table}.cap", read)
        )

    return CarePolicy(
        outpatient=yearly("outpatient", required),
        inpatient=AdmissionTable(
            ratio=ratio("inpatient", required),
            deductible={
                cell: required(f"inpatient.deductible.{_cell(cell)}", values.parse_amount) for cell in _CELLS
            },
            second_admission_factor=required("inpatient.second_admission_factor", values.parse_share),
            cap=amounts("inpatient.cap", required),
        ),
        chronic=yearly("chronic", optional),
        large_ratio={
            level: required(f"large_fund.ratio.level_{level}", values.parse_share) for level in CARE_LEVELS
        },
        large_cap=required("large_fund.cap", values.parse_amount),
        top_up_threshold=required("top_up.threshold", values.parse_amount),
        top_up_ratio=required("top_up.ratio", values.parse_share),
        out_of_area_points={
            filing: required(f"out_of_area.points.{filing}", values.parse_rate) for filing in FILINGS
        },
        referral_required=required("referral.required", values.parse_switch),
        referral_points=required("referral.points", values.parse_rate),
        pharmacy_pooled=required("pharmacy.pooled", values.parse_switch),
        account_own_expense=required("account.own_expense", values.parse_switch),
        items_refused=required("account.items_refused", values.parse_item_prefixes),
        waiting_gap_months=required("waiting.gap_months", values.parse_gap_months),
        waiting_months=required("waiting.months", values.parse_waiting_months),
        quote_minutes=required("settlement.quote_minutes", values.parse_minutes),
        reversal_days=required("settlement.reversal_days", values.parse_days),
        filing_late_days=required("filing.late_days", values.parse_late_days),
        filing_on_file={
            filing: optional(f"filing.must_be_on_file.{filing}", values.parse_switch) for filing in FILED
        },
        claim_submit_days=required("claims.submit_days", values.parse_days),
        claim_decide_days=required("claims.decide_days", values.parse_days),
        recovery=required("article_30.recovery", values.parse_recovery),
        set_off=required("article_30.set_off", values.parse_switch),
        paused_donor=required("mutual_aid.paused_donor", values.parse_switch),
        aid_resident_premium=required("mutual_aid.resident_premium", values.parse_switch),
    )
