"""The digest chain: the worked example of docs/ledger.md, and that no two contents share canonical bytes."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ledger.book.chain import canonical, digest, genesis, microseconds
from ledger.book.numbers import account_no
from ledger.chart.kinds import Kind

BOOK_ID = 16_000_000_000_001
DOCUMENT = Path(__file__).parents[2] / "docs" / "ledger.md"


def opening() -> bytes:
    return canonical(
        BOOK_ID, 1, Kind.OPENING, None, date(2026, 1, 1), None,
        microseconds(datetime(2026, 1, 5, 1, 2, 3, 456789, tzinfo=UTC)),
        0, 1_000_000, None, None, None, 1, 1, 2, None, "open-1", bytes(range(8)),
        "old-system-7", '{"area":990100}', [(15, 2, 1_000_000, None)],
    )  # fmt: skip


def spending(**changed: object) -> bytes:
    facts: dict[str, object] = {
        "book_id": BOOK_ID,
        "seq": 2,
        "kind": Kind.SPENDING,
        "period": None,
        "effective_on": date(2026, 3, 1),
        "fact_on": None,
        "recorded_us": microseconds(datetime(2026, 3, 1, 8, tzinfo=UTC)),
        "current_year_after": 0,
        "carried_over_after": 995_000,
        "held_change": None,
        "reserved_change": None,
        "target_seq": None,
        "policy_version": 1,
        "caller": 1,
        "actor": 2,
        "expires_us": None,
        "idempotency_key": "pay-1",
        "request_digest": bytes(range(8, 16)),
        "source_ref": "处方-1",
        "detail": None,
        "transfers": [(2, 12, 5000, 9_000_000_000_001)],
    }
    return canonical(**(facts | changed))  # type: ignore[arg-type]  # a table of facts, checked by running


def test_the_worked_example_of_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    first = digest(genesis(BOOK_ID), opening())
    second = digest(first, spending())
    for shown in (
        f"{account_no(BOOK_ID)}, book_id {BOOK_ID}",
        f"before       {genesis(BOOK_ID).hex()}",
        f"canonical    {opening().decode()}\ndigest       {first.hex()}",
        f"canonical    {spending().decode()}\ndigest       {second.hex()}",
    ):
        assert shown in text
    assert second.hex() == "9e81dff2f2895af7802e9df69da4b57916f702091f936cbcd9975868482aa329"


@pytest.mark.parametrize(
    "changed",
    [
        {"book_id": BOOK_ID + 1},
        {"seq": 3},
        {"kind": Kind.CAPTURE},
        {"period": 202603},
        {"effective_on": date(2026, 3, 2)},
        {"fact_on": date(2026, 3, 1)},
        {"recorded_us": 0},
        {"current_year_after": 1},
        {"carried_over_after": 995_001},
        {"held_change": 0},
        {"reserved_change": 0},
        {"target_seq": 1},
        {"policy_version": 2},
        {"caller": 2},
        {"actor": 1},
        {"expires_us": 1},
        {"idempotency_key": "pay-2"},
        {"idempotency_key": None},
        {"request_digest": bytes(8)},
        {"source_ref": "处方-2"},
        {"source_ref": ""},
        {"detail": "{}"},
        {"transfers": [(2, 12, 5001, 9_000_000_000_001)]},
        {"transfers": [(1, 12, 5000, 9_000_000_000_001)]},
        {"transfers": [(2, 12, 5000, None)]},
        {"transfers": []},
    ],
    ids=str,
)
def test_every_fact_is_covered(changed: dict[str, object]) -> None:
    assert spending(**changed) != spending()


texts = st.one_of(st.none(), st.text(max_size=12), st.text(alphabet="|:;,0123456789{}", max_size=12))


@given(st.tuples(texts, texts, texts), st.tuples(texts, texts, texts))
def test_texts_cannot_imitate_one_another(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> None:
    assume(one != other)
    names = ("idempotency_key", "source_ref", "detail")
    try:
        first = spending(**dict(zip(names, one, strict=True)))
        second = spending(**dict(zip(names, other, strict=True)))
    except UnicodeEncodeError:
        # a lone surrogate has no canonical bytes: the doors refuse it, and here it cannot be written
        assert any("\ud800" <= letter <= "\udfff" for text in one + other for letter in text or "")
        return
    assert first != second
