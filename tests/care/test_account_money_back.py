"""What an annual settlement gives back of account money goes to the pockets it came from (R42, K6)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.book.detail import unpack
from ledger.care import annual_settlements
from ledger.care.account_money import PocketReturn
from ledger.chart.care import Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.estates.merging import MergeAccounts
from ledger.posting import Receipt
from ledger.transfers.going_out import AcknowledgeTransfer, RequestTransfer, SendTransfer
from ledger.verify import verify
from tests.care.test_annual_settlements import FIRST, YEAR, Story, story_of
from tests.contributions.test_contributions import with_parameter
from tests.support.approvals import asks_nobody
from tests.support.clinic import Settled
from tests.support.people import AREA, SomeoneFactory
from tests.support.stories import Heir, estate, fen

POOLED, LARGE = int(Side.POOLED_FUND), int(Side.LARGE_FUND)
CURRENT, CARRIED = int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER)
IN_JULY, IN_AUGUST = date(YEAR, 7, 1), date(YEAR, 8, 1)
IN_JANUARY = date(YEAR + 1, 1, 15)


@pytest.fixture
def story(sound_engine: Engine) -> Story:
    return story_of(sound_engine)


def patient(story: Story, current: str, carried: str) -> int:
    return story.world.open(opened_on=FIRST, today=FIRST, opening=(fen(current), fen(carried)))


def stay(story: Story, book: int, posted: date | None = None, month: int = 6) -> Settled:
    """Inpatient care elsewhere, 20,000.00, unfiled: 7,012.00 are the account's (E33)."""
    bill = story.bill(
        book, "20000.00", month, at=story.elsewhere, care_type="inpatient", use_account=True, posted=posted
    )
    assert bill.row.account_pay == fen("7,012.00")
    return bill


def came(done: Receipt) -> list[tuple[int, int]]:
    """What of an entry went into which pocket."""
    return [
        (target, amount) for _source, target, amount, _party in done.transfers if target in {CURRENT, CARRIED}
    ]


def pockets(story: Story, book: int) -> tuple[int, int]:
    stood = story.clinic.book(book)
    return stood.current_year, stood.carried_over


@pytest.mark.parametrize(
    ("current", "carried", "back"),
    [
        # all of it from carried_over
        ("0.00", "10,000.00", [(CARRIED, "1,910.00")]),
        # 3,000.00 and 4,012.00
        ("3,000.00", "10,000.00", [(CARRIED, "1,910.00")]),
        # 6,500.00 and 512.00, which paid last
        ("6,500.00", "10,000.00", [(CURRENT, "1,398.00"), (CARRIED, "512.00")]),
        ("10,000.00", "10,000.00", [(CURRENT, "1,910.00")]),
    ],
)
def test_the_pocket_that_paid_last_gets_back_first(
    story: Story, current: str, carried: str, back: list[tuple[int, str]]
) -> None:
    book = patient(story, current, carried)
    bill = stay(story, book)
    before = pockets(story, book)
    # a referral: 1,910.00 (E48)
    story.file(book, on=IN_JULY)
    done = story.settle(book, IN_AUGUST).receipt
    assert came(done) == [(side, fen(amount)) for side, amount in back]
    got = dict(came(done))
    assert pockets(story, book) == (before[0] + got.get(CURRENT, 0), before[1] + got.get(CARRIED, 0))
    told = [[bill.receipt.seq, got.get(CURRENT, 0), got.get(CARRIED, 0)]]
    assert unpack(done.detail)["pockets"] == told
    row = story.clinic.row(done)
    assert (row.account_pay, row.cash_pay) == (-fen("1,910.00"), 0)
    assert not story.settle(book, IN_AUGUST).created


def test_a_supplement_goes_on_where_the_statement_ended(story: Story) -> None:
    book = patient(story, "5,012.00", "2,000.00")
    stay(story, book)
    story.file(book, on=IN_JULY)
    assert came(story.settle(book, IN_AUGUST).receipt) == [(CARRIED, fen("1,910.00"))]
    # of the 2,000.00 of carried_over 90.00 are left
    story.file(book, Filing.LONG_TERM, on=IN_AUGUST)
    again = story.settle(book, IN_AUGUST).receipt
    assert came(again) == [(CURRENT, fen("1,820.00")), (CARRIED, fen("90.00"))]
    assert pockets(story, book) == (fen("1,820.00"), fen("2,000.00"))


def test_of_several_bills_each_gets_back_its_own(story: Story) -> None:
    """Retired since June: 150.00 more of the first bill, 50.00 of the second one."""
    book = patient(story, "900.00", "5,000.00")
    first, second = (story.bill(book, "1000.00", month, use_account=True) for month in (6, 7))
    assert [one.row.account_pay for one in (first, second)] == [fen("760.00"), fen("400.00")]
    # the first one was paid by current_year, the second one by its 140.00 and by 260.00 carried over
    story.enrol(book, date(YEAR, 6, 1), member_class=MemberClass.RETIRED, today=IN_AUGUST)
    done = story.settle(book, IN_AUGUST).receipt
    assert came(done) == [(CURRENT, fen("150.00")), (CARRIED, fen("50.00"))]
    assert unpack(done.detail)["pockets"] == [
        [second.receipt.seq, 0, fen("50.00")],
        [first.receipt.seq, fen("150.00"), 0],
    ]
    assert pockets(story, book) == (fen("150.00"), fen("4,790.00"))


def test_the_yearly_top_up_makes_up_for_the_last_bill_first(story: Story) -> None:
    """E47: 3,740.74 of 21,234.56, of which the later bill was 400.00."""
    book = patient(story, "20,834.56", "5,000.00")
    story.bill(book, "30234.56", 3, use_account=True)
    last = story.bill(book, "1000.00", 4, use_account=True)
    paid = pockets(story, book)
    done = story.settle(book, IN_AUGUST).receipt
    assert unpack(done.detail)["to_account"] == fen("3,740.74")
    taken = {source: amount for source, _target, amount, _party in last.receipt.transfers}
    assert came(done) == [
        (CURRENT, fen("3,740.74") - taken[CARRIED]),
        (CARRIED, taken[CARRIED]),
    ]
    assert pockets(story, book)[1] == paid[1] + taken[CARRIED]


@pytest.mark.parametrize(("current", "carried"), [("0.00", "10,000.00"), ("8,000.00", "0.00")])
def test_after_the_year_end_all_of_it_is_carried_over(story: Story, current: str, carried: str) -> None:
    book = patient(story, current, carried)
    stay(story, book)
    story.file(book, on=IN_JULY)
    done = story.settle(book, IN_JANUARY).receipt
    assert came(done) == [(CARRIED, fen("1,910.00"))]
    assert pockets(story, book) == (0, fen(current) + fen(carried) - fen("7,012.00") + fen("1,910.00"))


def test_a_bill_of_last_year_that_was_paid_this_year(story: Story) -> None:
    """It is the year of the payment that counts, not that of the care."""
    book = patient(story, "0.00", "1,000.00")
    story.world.one(
        Contribute(book, fen("6,500.00"), (YEAR + 1) * 100 + 1, date(YEAR + 1, 1, 2), story.world.ref("c")),
        today=date(YEAR + 1, 1, 2),
    )
    # 6,500.00 and 512.00
    stay(story, book, posted=date(YEAR + 1, 1, 5), month=12)
    story.file(book, on=date(YEAR + 1, 1, 6))
    done = story.settle(book, IN_JANUARY).receipt
    assert came(done) == [(CURRENT, fen("1,398.00")), (CARRIED, fen("512.00"))]


def test_where_carried_over_pays_first_it_gets_back_last(story: Story) -> None:
    policies = story.world.policies
    story.world.policies = {**policies, AREA: with_parameter("spending.pocket_order", "carried_over_first")}
    book = patient(story, "3,000.00", "5,512.00")
    # 5,512.00 carried over and 1,500.00 of current_year
    stay(story, book)
    assert pockets(story, book) == (fen("1,500.00"), 0)
    story.file(book, on=IN_JULY)
    done = story.settle(book, IN_AUGUST).receipt
    assert came(done) == [(CURRENT, fen("1,500.00")), (CARRIED, fen("410.00"))]


def test_a_reversal_after_it_gives_back_what_the_bill_took(story: Story) -> None:
    book = patient(story, "6,500.00", "10,000.00")
    bill = stay(story, book)
    story.file(book, on=IN_JULY)
    story.settle(book, IN_AUGUST)
    story.clinic.reverse(bill, today=IN_AUGUST)
    # 1,910.00 too much, which the next statement asks back
    assert pockets(story, book) == (fen("7,898.00"), fen("10,512.00"))
    told = unpack(story.settle(book, IN_AUGUST).receipt.detail)
    assert told["still_owed"] == fen("1,910.00")
    assert "pockets" not in told


def as_before(_policy: object, *_rest: object) -> list[PocketReturn]:
    """As a version before this one had it: all into current_year."""
    return []


def test_a_supplement_to_a_statement_of_an_earlier_version(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = patient(story, "1,000.00", "10,000.00")
    stay(story, book)
    story.file(book, on=IN_JULY)
    with monkeypatch.context() as before:
        before.setattr(annual_settlements, "pocket_returns", as_before)
        old = story.settle(book, IN_AUGUST).receipt
    assert came(old) == [(CURRENT, fen("1,910.00"))]
    assert "pockets" not in unpack(old.detail)
    story.file(book, Filing.LONG_TERM, on=IN_AUGUST)
    assert came(story.settle(book, IN_AUGUST).receipt) == [(CARRIED, fen("1,910.00"))]


def test_what_an_earlier_version_gave_back_of_a_bill_does_not_come_back_of_it_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = patient(story, "7,072.00", "10,000.00")
    stay(story, book)
    # 60.00 of current_year and 700.00 carried over; retired since, 150.00 less
    story.bill(book, "1000.00", 7, use_account=True)
    story.enrol(book, FIRST, date(YEAR, 6, 30), today=IN_AUGUST)
    story.enrol(book, date(YEAR, 7, 1), member_class=MemberClass.RETIRED, today=IN_AUGUST)
    story.file(book, on=IN_AUGUST)
    with monkeypatch.context() as before:
        before.setattr(annual_settlements, "pocket_returns", as_before)
        story.settle(book, IN_AUGUST)
    assert pockets(story, book) == (fen("2,060.00"), fen("9,300.00"))
    # what is more is the stay's, and that was current_year's
    story.file(book, Filing.LONG_TERM, on=IN_AUGUST)
    assert came(story.settle(book, IN_AUGUST).receipt) == [(CURRENT, fen("1,910.00"))]


# -- whoever is gone -----------------------------------------------------------------------------------------


def test_the_heirs_of_a_closed_account_get_it(story: Story) -> None:
    book = patient(story, "6,500.00", "10,000.00")
    bill = stay(story, book)
    story.file(book, on=IN_JULY)
    story.world.one(ReportDeath(book, date(YEAR, 7, 20), "register"), today=IN_AUGUST)
    child = SomeoneFactory()
    account = story.world.open(child, opened_on=FIRST, today=FIRST)
    story.world.one(estate(story.world, book, [Heir("child", child)], IN_AUGUST), today=IN_AUGUST)
    inherited = story.clinic.balance(account)
    done = story.settle(book, date(YEAR, 9, 1))
    assert came(done.receipt) == [(CURRENT, fen("1,398.00")), (CARRIED, fen("512.00"))]
    told = unpack(done.receipt.detail)
    assert told["pockets"] == [[bill.receipt.seq, fen("1,398.00"), fen("512.00")]]
    assert (told["to_heirs"], told["to_account"]) == (fen("1,910.00"), 0)
    [handed_on] = [other for other in done.others if other.kind is Kind.ESTATE]
    assert handed_on.target_seq == done.receipt.seq
    assert story.clinic.balance(account) == inherited + fen("1,910.00")
    assert pockets(story, book) == (0, 0)


def test_the_account_that_a_closed_one_went_into_gets_it_into_the_same_pockets(story: Story) -> None:
    asks_nobody(story.world)
    older = story.world.open(SomeoneFactory(name="张三"), opened_on=FIRST, today=FIRST)
    younger = story.world.open(
        SomeoneFactory(name="张三"), opened_on=FIRST, today=FIRST, opening=(fen("6,500.00"), fen("10,000.00"))
    )
    stay(story, younger)
    story.file(younger, on=IN_JULY)
    story.world.one(MergeAccounts(younger, older, "finding 118"), today=IN_JULY)
    before = pockets(story, older)
    done = story.settle(younger, IN_AUGUST)
    assert came(done.receipt) == [(CURRENT, fen("1,398.00")), (CARRIED, fen("512.00"))]
    assert pockets(story, older) == (before[0] + fen("1,398.00"), before[1] + fen("512.00"))
    assert pockets(story, younger) == (0, 0)


def test_what_comes_to_a_transferred_account_waits_to_be_sent_after_it(story: Story) -> None:
    asks_nobody(story.world)
    book = patient(story, "0.00", "10,000.00")
    stay(story, book)
    story.file(book, on=IN_JULY)
    asked = story.world.one(RequestTransfer(book, "330100", IN_JULY, "paper"), today=IN_JULY).seq
    story.world.one(SendTransfer(book, asked, IN_JULY, story.world.ref("sent")), today=IN_JULY)
    story.world.one(AcknowledgeTransfer(book, asked), today=IN_JULY)
    done = story.settle(book, IN_AUGUST)
    assert came(done.receipt) == [(CARRIED, fen("1,910.00"))]
    assert unpack(done.receipt.detail)["to_heirs"] == fen("1,910.00")
    assert sum(pockets(story, book)) == 0


# -- what the check of the whole finds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to_current", "to_carried"),
    [
        # carried_over had paid 512.00
        (fen("1,000.00"), fen("910.00")),
        (0, fen("1,910.00")),
    ],
)
def test_money_in_the_wrong_pocket_is_found(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch, to_current: int, to_carried: int
) -> None:
    story = story_of(fresh_engine)
    book = patient(story, "6,500.00", "10,000.00")
    bill = stay(story, book)
    story.file(book, on=IN_JULY)

    def wrong(*_asked: object) -> list[PocketReturn]:
        return [PocketReturn(bill.receipt.seq, to_current, to_carried)]

    monkeypatch.setattr(annual_settlements, "pocket_returns", wrong)
    done = story.settle(book, IN_AUGUST).receipt
    found = verify(fresh_engine).findings
    assert [(one.code, one.where) for one in found] == [("refund_wrong", done.name)]


def test_after_the_year_end_current_year_is_the_wrong_pocket(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = story_of(fresh_engine)
    book = patient(story, "8,000.00", "0.00")
    bill = stay(story, book)
    story.file(book, on=IN_JULY)
    all_current = [PocketReturn(bill.receipt.seq, fen("1,910.00"), 0)]
    monkeypatch.setattr(annual_settlements, "pocket_returns", lambda *_asked: all_current)
    done = story.settle(book, IN_JANUARY).receipt
    assert [(one.code, one.where) for one in verify(fresh_engine).findings] == [("refund_wrong", done.name)]


def test_money_of_what_is_no_bill_is_found(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    story = story_of(fresh_engine)
    book = patient(story, "6,500.00", "10,000.00")
    bill = stay(story, book)
    story.file(book, on=IN_JULY)
    before = [PocketReturn(bill.receipt.seq - 1, 0, fen("1,910.00"))]
    monkeypatch.setattr(annual_settlements, "pocket_returns", lambda *_asked: before)
    done = story.settle(book, IN_AUGUST).receipt
    [found] = verify(fresh_engine).findings
    assert (found.code, found.where) == ("refund_wrong", done.name)
    assert "is no bill before it" in found.what
