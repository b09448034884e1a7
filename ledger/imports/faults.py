"""Which field of a line is to blame, what stands there and what was expected, for whoever has to correct it.

A line is read quickly; only one that was refused is looked at again, field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ledger.chart.members import MemberClass
from ledger.chart.person_facts import NumberReason
from ledger.contributions.credit_codes import parse_credit_code
from ledger.id_forms import holds_id_number
from ledger.imports.columns import NUMBERED, Column, FileKind, Holds
from ledger.imports.file_lines import FileLine
from ledger.imports.headings import Layout
from ledger.imports.spellings import FLAGS, SEXES, amount_text, day_of, month_of, number_text, plain
from ledger.imports.summary import Rejected
from ledger.money import format_yuan
from ledger.people.id_numbers import check_digit, looks_like_id_number
from ledger.refusals import PRECEDENCE, RefusalCode, Refused
from ledger.texts import EMPLOYER_NAME_MAX, SOURCE_REF_MAX, is_key, is_name, parse_area, read_name, read_text

CLASSES: Final = {one.word: one for one in MemberClass} | {
    "在职": MemberClass.ACTIVE,
    "退休": MemberClass.RETIRED,
    "灵活就业": MemberClass.FLEXIBLE,
    "失业": MemberClass.UNEMPLOYED,
    "居民": MemberClass.RESIDENT,
}
NUMBER_REASONS: Final = {one.value: one for one in NumberReason} | {
    "换发": NumberReason.REISSUED,
    "补发": NumberReason.REISSUED,
    "更正": NumberReason.CORRECTED,
    "升位": NumberReason.UPGRADED,
}
_APOSTROPHES: Final = ("'", "\u2019", "\u2018", "\uff07")
# what a spreadsheet makes of a number of many digits that it takes for one
_match_rounded = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?[eE][+-]?[0-9]+|[0-9]{15,}\.[0-9]*").fullmatch
_ID_DIGITS: Final = 18
_TEXTS: Final = frozenset({Holds.NAME, Holds.TEXT, Holds.KEY})


def _is_code(text: str) -> bool:
    try:
        parse_credit_code(text)
    except Refused:
        return False
    return True


_GOOD: Final[dict[Holds, Callable[[str], object]]] = {
    Holds.DAY: lambda text: day_of(text) is not None,
    Holds.MONTH: lambda text: month_of(text) is not None,
    Holds.AMOUNT: lambda text: amount_text(text) is not None,
    Holds.AREA: lambda text: parse_area(plain(text)) is not None,
    Holds.SEX: lambda text: plain(text) in SEXES,
    Holds.FLAG: lambda text: plain(text).casefold() in FLAGS,
    Holds.CLASS: lambda text: plain(text).casefold() in CLASSES,
    Holds.NUMBER_REASON: lambda text: plain(text).casefold() in NUMBER_REASONS,
    Holds.TEXT: lambda text: read_text(text, SOURCE_REF_MAX) is not None,
    Holds.INSTITUTION: lambda text: read_text(text, SOURCE_REF_MAX) is not None,
    Holds.NAME: lambda text: read_name(text, EMPLOYER_NAME_MAX) is not None and is_name(text),
    Holds.KEY: is_key,
    Holds.CREDIT_CODE: lambda text: _is_code(number_text(text)),
    Holds.ID_NUMBER: lambda text: looks_like_id_number(number_text(text)),
    Holds.ACCOUNT: lambda text: number_text(text).isalnum(),
    Holds.ANYTHING: lambda _text: True,
}
# the column that a code of the whole line speaks of, where the command does not say it; the first there is
_OF_CODE: Final[dict[str, tuple[str, ...]]] = {
    "account_not_found": ("account", "id_number"),
    "account_closed": ("account", "id_number"),
    "account_frozen": ("account",),
    "account_transferring": ("account", "id_number"),
    # of a death it is the day that differs
    "account_deceased": ("died_on", "account", "id_number"),
    "retiree": ("account",),
    "transfer_not_found": ("remittance", "sheet", "account"),
    "transfer_state": ("account",),
    "employer_not_found": ("employer",),
    "credit_code_invalid": ("credit_code", "employer"),
    "employer_differs": ("name",),
    "enrolment_differs": ("to",),
    "name_invalid": ("name",),
    "institution_unknown": ("institution",),
    "cash_forbidden": ("institution",),
    "duplicate_source_ref": ("source_ref",),
    "duplicate_line": ("id_number",),
    "duplicate_period": ("period", "id_number"),
    "amount_invalid": ("amount", "opening_current_year"),
    "wage_invalid": ("wage",),
    "insufficient_balance": ("amount",),
    "period_invalid": ("period", "effective_on", "opened_on", "received_on", "from"),
    "idempotency_key_invalid": ("idempotency_key",),
    "area_unknown": ("area",),
    "id_mismatch": ("sex", "birth_date"),
    "account_exists_other_person": ("old_name", "name"),
    "opening_differs": ("opened_on",),
    "scheme_no_account": ("member_class",),
}
# what helps, where the code does not say it
_WHAT_HELPS: Final = {
    ("deaths", "account_deceased"): "the day that is known: another one is a correction",
    ("names", "account_exists_other_person"): "a name that is on record under the ID number",
    ("numbers", "account_exists_other_person"): "a name that is on record under the number of before",
    ("deaths", "account_exists_other_person"): "a name that is on record under the ID number",
    ("announcements", "amount_mismatch"): "the sum of current_year, carried_over and interest",
    ("arrivals", "amount_differs"): "the amount of the sheet",
}
# that are about what a line names, beside which the amount itself is told
_OF_AMOUNTS: Final = frozenset({"amount_mismatch", "amount_differs"})
# as commands call what the columns hold
_CALLED: Final = {
    "amount_fen": "amount",
    "wage_fen": "wage",
    "valid_from": "from",
    "valid_to": "to",
    "opening/source_ref": "opening_source_ref",
}


def blamed(kind: FileKind, number: int, refused: Refused, named_fen: int = 0) -> Rejected:
    """A line that was understood and refused for what it asks; `named_fen` is what it names."""
    code = refused.code.value
    column = _column(kind, refused)
    value = format_yuan(named_fen) if code in _OF_AMOUNTS and (column,) == kind.amounts else ""
    return Rejected(number, code, column, value, _WHAT_HELPS.get((kind.name, code), ""))


def judged_again(layout: Layout, line: FileLine, refused: Refused) -> Rejected:
    """A line that was refused for its form, or for what a field of it says."""
    kind, number, code = layout.kind, line.number, refused.code
    if line.row is None:
        if not line.fields:
            return Rejected(number, code.value, expected="one line of text whose quotes fit")
        return Rejected(number, code.value, expected=f"{layout.width} fields as in the heading")
    name = _column(kind, refused)
    # the column that the refusal speaks of first: another one may be wrong in another way
    for column in sorted(kind.columns, key=lambda one: one.name != name):
        text = line.row.get(column.name)
        if text is None:
            continue
        fault = (line.faults or {}).get(column.name) or _fault(column, text, code)
        if fault is not None:
            shown = text or _as_it_stands(layout, line, column.name)
            if fault is RefusalCode.PERSONAL_DATA_IN_TEXT:
                # the number is told nowhere, not even to whoever sent it
                shown = ""
            return Rejected(number, fault.value, column.name, shown, column.holds.value)
    if not name:
        return Rejected(number, code.value)
    expected = _WHAT_HELPS.get((kind.name, code.value)) or kind.by_name[name].holds.value
    return Rejected(number, code.value, name, line.row.get(name, ""), expected)


def _as_it_stands(layout: Layout, line: FileLine, name: str) -> str:
    place = layout.places[layout.names.index(name)]
    return line.fields[place] if place < len(line.fields) else ""


def _fault(column: Column, text: str, code: RefusalCode) -> RefusalCode | None:
    """What is wrong with a field by its form; the code of the line where nothing says it better."""
    if not text.strip():
        return None if column.may_be_empty else code
    typed = typing_fault(column.holds, text)
    if typed is not None:
        return typed
    if column.holds in _TEXTS and holds_id_number(text):
        return RefusalCode.PERSONAL_DATA_IN_TEXT
    if column.holds in NUMBERED and lost_digits(number_text(text)):
        return RefusalCode.NUMBER_IN_CELL
    return None if _GOOD[column.holds](text) else code


def typing_fault(holds: Holds, text: str) -> RefusalCode | None:
    """What a spreadsheet or a habit has made of a field: a formula, a rounded number, an apostrophe."""
    if holds is Holds.ANYTHING:
        return None
    stripped = number_text(text) if holds in NUMBERED else text.strip()
    if stripped.startswith("="):
        return RefusalCode.FORMULA_IN_CELL
    if holds is Holds.AMOUNT and (day_of(stripped) is not None or month_of(stripped) is not None):
        return RefusalCode.DATE_IN_CELL
    if holds in NUMBERED and _match_rounded(stripped) is not None:
        return RefusalCode.NUMBER_IN_CELL
    if stripped.startswith(_APOSTROPHES):
        return RefusalCode.LEADING_APOSTROPHE
    return None


def lost_digits(text: str) -> bool:
    """Whether an ID number is as a spreadsheet leaves one: fifteen digits, and zeros that check nothing."""
    if not text.endswith("000") or len(text) != _ID_DIGITS or not text.isdecimal():
        return False
    return text[-1] != check_digit(text[:-1])


def first_fault(faults: dict[str, RefusalCode]) -> RefusalCode:
    return min(faults.values(), key=PRECEDENCE.__getitem__)


def _column(kind: FileKind, refused: Refused) -> str:
    """The column that a refusal speaks of; empty where none is to blame."""
    # what a request has in its sheet stands in a file beside the rest
    called = _CALLED.get(refused.at, refused.at).removeprefix("sheet/")
    if called in kind.by_name:
        return called
    code = refused.code.value
    named = (kind.who,) if code.startswith("id_") else ()
    return next((name for name in (*_OF_CODE.get(code, ()), *named) if name in kind.by_name), "")
