"""One word, one meaning, in the names of the code.

The words that once meant several things each, what each means now, and where it may stand. A word is a word
of an identifier (`PersonClaim` and `claims` have the word claim): of names, attributes, functions, classes,
arguments and modules, not of texts. The database's tables and columns and what callers see keep the names
that they have; so they are named here where they are not the word's meaning.
"""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Word(NamedTuple):
    """`forms` are the word and what is made of it; `names` are identifiers that may stand anywhere."""

    forms: str
    means: str
    where: str
    names: str = ""


WORDS = (
    Word(
        "claim claims claimed",
        "a patient's bill on paper, handed in afterwards; what is unique beyond one book is a stake",
        where="ledger/care/manual_claims ledger/care/case_reports ledger/care/rows ledger/care/counters"
        " ledger/care/decisions ledger/care/entry_reversals"
        " ledger/care/alike ledger/chart/rows ledger/verify/beside ledger/operations/example_families"
        " api/care/claims ledger/inquiry/held api/inquiry/",
        names="manual_claims manual_claim SubmitClaim DecideClaim claim_submit_days claim_decide_days"
        " MANUAL_CLAIM CLAIM_DECISION CLAIM_NOT_FOUND CLAIM_DECIDED CLAIM_TOO_LATE claims"
        # of a yearly settlement, as its entry and its answer call it: what the person has to give back
        " claimed_back",
    ),
    Word(
        "stake stakes staked",
        "what is unique beyond one book: a person, an account's place, a message, a bill's number",
        where="ledger/ api/accounts/ api/people/ bench/",
    ),
    Word(
        "batch batches",
        "a long run's row: what it did so far; commands decided together are an attempt",
        where="ledger/posting/batches ledger/posting/runs ledger/operations/ ledger/imports/"
        " ledger/corrections/"
        " ledger/accounts/year_end ledger/people/compared_names ledger/people/whose"
        " ledger/care/annual_settlements ledger/contributions/estimates ledger/contributions/retirees"
        " ledger/contributions/arrears_reports api/",
        # the face, the code, and what writes the commands of an attempt
        names="batches BATCH_NOT_FOUND write_batch BATCHES batch_began",
    ),
    Word(
        "settle settled settling settlement settlements settles",
        "say who pays what of a bill of care, and post it; an estate is divided, a year closed, a fee"
        " squared, a list's money spread, a day balanced",
        where="ledger/care/ ledger/chart/ ledger/operations/example_families ledger/inquiry/looks"
        " ledger/policy/access ledger/documents/ api/care/ api/inquiry/ bench/",
        names="Settle ReverseSettlement AnnualSettlements settlements annual_settlements annual_settlement"
        " settlement"
        " NO_SETTLEMENT"
        " SETTLEMENT ANNUAL_SETTLEMENT SETTLEMENT_NOT_FOUND ANNUAL_SETTLEMENT_NOT_FOUND VISIT_SETTLED"
        " SettlementRow SETTLEMENT_ROW settled_on settlement_seq settled_by settlements_move_what_they_say",
    ),
    Word(
        "receipt receipts",
        "what a verb returns; what an employer pays is a payment",
        where="ledger/posting/ ledger/reports/ ledger/accounts/ ledger/care/ ledger/clearing/ ledger/verify/"
        " ledger/estates/ ledger/people/separation"
        " ledger/imports/already ledger/imports/known_facts api/ bench/",
        names="Receipt receipt",
    ),
    Word("crediting", "nothing: one month of one employer is a Month", where=""),
    Word(
        "yearly",
        "of rules that hold for a year of care; a year computed again is a recomputation",
        where="ledger/policy/ ledger/care/benefits",
        names="YEARLY_STATEMENT yearly_statement _yearly",
    ),
    Word(
        "transaction transactions",
        "the database's; a fact of business is a posting or an entry",
        where="ledger/database/ ledger/posting/",
        names="in_transaction",
    ),
    Word(
        "operation operations",
        "the operator's work (the package); surgery is not ours, and what a route does is OpenAPI's word",
        where="api/openapi",
        names="operations OperationalError InvalidOperation",
    ),
    Word(
        "attempt attempts",
        "commands decided together, once; asked again in another order they are another one",
        where="ledger/posting/ ledger/imports/chunks",
    ),
)

MEANT = {form: word for word in WORDS for form in word.forms.split()}

# A name that says nothing by itself, as a class, and what to say instead.
NO_CLASS = {
    "Rows": "what an entry writes beside itself, or what reads the lines of a file",
    "Line": "whose line: a text's, a list's, a bill's, a day's, a transfer's",
    "Claim": "a patient's claim is a ClaimRow where it is stored, a ClaimView where it is shown",
    "Item": "of what",
    "Data": "what they are",
    "Info": "what it tells",
}

# A module that had another name once, which nobody should look for any more.
NO_MODULE = {"yearly", "crediting", "debts", "settling"}

FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("ledger", "api", "bench")
    for file in (ROOT / folder).rglob("*.py")
)


@functools.cache
def words_of(identifier: str) -> frozenset[str]:
    """`PersonClaim`, `_claimed_by` and `CLAIM_DECIDED` as the words that they are made of, in lower case."""
    return frozenset(part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier))


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, identifier) of all that is named. What stands behind `tables.` is the database's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id == "tables"):
                yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.lineno, node.arg or ""
        elif isinstance(node, ast.alias):
            for name in filter(None, (node.name, node.asname)):
                yield from ((node.lineno, part) for part in name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, part) for part in (node.module or "").split("."))


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def wrong_words(file: str, tree: ast.Module) -> Iterator[str]:
    """The identifiers of a file that say a word which means something else."""
    for line, identifier in identifiers(tree):
        for form in sorted(words_of(identifier) & MEANT.keys()):
            word = MEANT[form]
            here = any(file.startswith(place) for place in word.where.split())
            if not here and identifier not in word.names.split():
                yield f"{file}:{line}: {identifier}: {form} means {word.means}"


@pytest.mark.slow
def test_a_word_means_one_thing() -> None:
    # the schema itself is left out: tables and columns keep their names
    files = [file for file in FILES if not file.startswith("ledger/tables/")]
    wrong = list(dict.fromkeys(one for file in files for one in wrong_words(file, parsed(file))))
    assert not wrong, "\n".join(wrong)


def test_a_word_in_a_wrong_place_is_found() -> None:
    tree = ast.parse(
        "from ledger.posting import settle_fee\n"
        "class HeirClaim: ...\n"
        "def take(batch_of: int) -> None:\n"
        "    receipt_no = tables.claim.c.digest\n"
        "    open_receipt(claimed=1)\n"
    )
    found = [text.split(": ")[:2] for text in wrong_words("ledger/contributions/somewhere.py", tree)]
    place = "ledger/contributions/somewhere.py:"
    assert sorted(found) == sorted(
        [f"{place}{line}", name]
        for line, name in (
            (1, "settle_fee"), (2, "HeirClaim"), (3, "batch_of"), (4, "receipt_no"), (5, "open_receipt"),
            (5, "claimed"),
        )
    )  # fmt: skip


def classes(top: str) -> dict[str, list[str]]:
    """The classes of a folder that others may see, with the files in which each stands."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in FILES:
        if file.startswith(top):
            for node in ast.walk(parsed(file)):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(file)
    return found


def test_a_class_has_its_name_alone() -> None:
    several = {name: files for name, files in classes("ledger/").items() if len(files) > 1}
    assert not several


@pytest.mark.parametrize("top", ["ledger/", "api/"])
def test_a_class_says_what_it_is_of(top: str) -> None:
    there = classes(top)
    wrong = {
        name: f"{files}: {instead}" for name, instead in NO_CLASS.items() if (files := there.get(name, []))
    }
    assert not wrong


def test_modules_that_are_gone_stay_gone() -> None:
    stems = {Path(file).stem for file in FILES}
    assert not stems & NO_MODULE
