"""The rules of an area as dated numbers: read from TOML, checked as a whole, then frozen.

A number that a regulation or an area may change is a line in ledger/policies/<area>.toml. `Policy` has
one typed field per parameter, so a misspelt parameter fails in the type check and not at year end.
Nothing here has a default: what an area has not decided is an error at load, and what it has not decided
*yet* (a last line with `until`) is a MissingParameter for the days after it.

A new parameter is a line in UNITS, a field of Policy, a line in load.py and lines in each area's file; one
of care is a line in CARE_UNITS, a field of CarePolicy and a line in read_care.

    dated        values with the days they hold
    values       how a value is written in the file, and the words there are
    care         the parameters of medical care
    access       what a channel may ask for, and what is told of it
    calendar     working days
    cases        how long an answer may take
    findings     from where on auditors are shown what stands in the book
    spending     what an account pays at most on a day
    parameters   the parameters, and what of them holds on a day
    load         from the file's text to a checked Policy
"""

from ledger.policy.calendar import WorkCalendar
from ledger.policy.care import (
    CARE_CLASSES,
    CARE_LEVELS,
    FILINGS,
    AdmissionTable,
    CarePolicy,
    ClassAndLevel,
    YearlyTable,
)
from ledger.policy.dated import Dated, DatedLine, MissingParameter, ParameterLine
from ledger.policy.load import PACKAGED_POLICIES, PolicyError, load_policies, load_policy
from ledger.policy.parameters import (
    OPTIONAL_UNITS,
    SUBSIDY_GROUPS,
    UNITS,
    InForce,
    Policy,
    figures_since,
    in_force,
    rates_since,
)
from ledger.policy.values import (
    RATE_DECIMALS,
    RATE_SCALE,
    DueShift,
    LateFeeCap,
    PartPayment,
    PocketOrder,
    Recovery,
    parse_amount,
    parse_multiple,
    parse_rate,
    parse_share,
)

__all__ = [
    "CARE_CLASSES",
    "CARE_LEVELS",
    "FILINGS",
    "OPTIONAL_UNITS",
    "PACKAGED_POLICIES",
    "RATE_DECIMALS",
    "RATE_SCALE",
    "SUBSIDY_GROUPS",
    "UNITS",
    "AdmissionTable",
    "CarePolicy",
    "ClassAndLevel",
    "Dated",
    "DatedLine",
    "DueShift",
    "InForce",
    "LateFeeCap",
    "MissingParameter",
    "ParameterLine",
    "PartPayment",
    "PocketOrder",
    "Policy",
    "PolicyError",
    "Recovery",
    "WorkCalendar",
    "YearlyTable",
    "figures_since",
    "in_force",
    "load_policies",
    "load_policy",
    "parse_amount",
    "parse_multiple",
    "parse_rate",
    "parse_share",
    "rates_since",
]
