"""The rules of an area as dated numbers: read from TOML, checked as a whole, then frozen.

A number that a regulation or an area may change is a line in ledger/policies/<area>.toml. `Policy` has
one typed field per parameter, so a misspelt parameter fails in the type check and not at year end.
Nothing here has a default: what an area has not decided is an error at load, and what it has not decided
*yet* (a last line with `until`) is a MissingParameter for the days after it.

A new parameter is a line in UNITS, a field of Policy, a line in load.py and lines in each area's file.

    dated        values with the days they hold
    values       how a value is written in the file, and the words there are
    parameters   the parameters, and what of them holds on a day
    load         from the file's text to a checked Policy
"""

from ledger.policy.dated import Dated, DatedLine, MissingParameter, ParameterLine
from ledger.policy.load import PACKAGED_POLICIES, PolicyError, load_policies, load_policy
from ledger.policy.parameters import SUBSIDY_GROUPS, UNITS, InForce, Policy, in_force
from ledger.policy.values import (
    RATE_DECIMALS,
    RATE_SCALE,
    DueShift,
    LateFeeCap,
    PartPayment,
    PocketOrder,
    parse_amount,
    parse_multiple,
    parse_rate,
    parse_share,
)

__all__ = [
    "PACKAGED_POLICIES",
    "RATE_DECIMALS",
    "RATE_SCALE",
    "SUBSIDY_GROUPS",
    "UNITS",
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
    "in_force",
    "load_policies",
    "load_policy",
    "parse_amount",
    "parse_multiple",
    "parse_rate",
    "parse_share",
]
