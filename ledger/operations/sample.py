"""Believable input files for any number of people, from a seed: the same seed and day give the same files.

Nobody in them exists: every ID number has the county 9999, which no province has, and every credit code the
region 999999. Each line is one that the import takes. Files are written person by person, in bounded memory.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from ledger.contributions.credit_codes import credit_code_check
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS
from ledger.money import format_yuan, round_half_up
from ledger.months import first_day, format_period, last_periods, next_period, period_of, previous_period
from ledger.people.id_numbers import FEMALE, check_digit

AREA: Final = 990100
MONTHS: Final = 24
PEOPLE_MAX: Final = 10_000_000
STAFF: Final = 40
FILES: Final = (
    "employers.csv",
    "accounts.csv",
    "contributions.csv",
    "spendings.csv",
    "declarations.csv",
    "receipts.csv",
)
# of four employers one has paid half of this month by now
_HALF_PAYS: Final = 4

_HEADERS = {
    "employers.csv": "credit_code,name,area,staff",
    "accounts.csv": "id_number,name,area,sex,birth_date,opening_current_year,opening_carried_over,"
    "opening_source_ref,opened_on",
    "contributions.csv": "account,source_ref,period,effective_on,amount",
    "spendings.csv": "account,source_ref,institution,effective_on,amount,take_available",
    "declarations.csv": "employer,period,id_number,wage",
    "receipts.csv": "employer,source_ref,period,received_on,amount",
}
# the first two digits of an ID number: GB/T 2260 without the regions that have numbers of another form
_PROVINCES = tuple(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65))
    for code in range(first, last + 1)
)
_SEQUENCES = 999
# A prime far above every factor of the number of ID numbers there are: steps of it meet each once.
_STRIDE = 999_999_937

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许邓韩冯曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建文国志海春燕丹萍鹏辉玲鑫宇晨阳雪梅浩然子涵欣怡佳琪博思雨"
    "俊豪婷瑞凯龙飞翔云天成林峰波斌健康宁安乐福祥庆荣光亮新民立学良德仁义礼智信温恭俭让家和兴旺"
)
_LONG_NAMES = ("阿依古丽·买买提", "古丽娜尔·艾合买提", "扎西次仁", "巴特尔", "努尔兰·阿不都")

# the monthly base of an insured person: (from July of, floor, cap) in fen
_BASES = ((2026, 507_360, 2_536_800), (2025, 487_200, 2_436_000), (0, 469_980, 2_349_900))

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Credit:
    period: str
    effective_on: date
    fen: int


@dataclass(frozen=True, slots=True)
class _Bill:
    effective_on: date
    fen: int
    institution: str
    take_available: bool


@dataclass(frozen=True, slots=True)
class _Window:
    """The months that contributions are owed for, and the day on which the files are written."""

    today: date
    months: list[int]

    @property
    def first_day(self) -> date:
        return first_day(self.months[0])


def write_sample(
    directory: Path, people: int, seed: int, today: date, progress: Progress | None = None
) -> dict[str, int]:
    """Write the six files; the number of lines in each, without its header.

    What was owed up to last month comes as contributions; this month as lists of the employers, and as what
    they paid.

    Raises ValueError for a number of people that no ID numbers are there for, OSError when the directory
    cannot be written. A file appears whole or not at all, an older one is replaced.
    """
    if not 0 <= people <= PEOPLE_MAX:
        raise ValueError(f"people: 0 to {PEOPLE_MAX}")
    directory.mkdir(parents=True, exist_ok=True)
    drafts = {name: directory / f".{name}.{os.getpid()}" for name in FILES}
    lines = dict.fromkeys(FILES, 0)
    window = _Window(today, last_periods(MONTHS, previous_period(period_of(today))))
    try:
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(draft.open("w", encoding="utf-8", newline="\n"))
                for name, draft in drafts.items()
            }
            for name, file in files.items():
                file.write(_HEADERS[name] + "\n")
            codes = _write_employers(files["employers.csv"], people, seed)
            owed = 0
            for index in range(people):
                employer, place = divmod(index, STAFF)
                credits_, bills, premium = _write_person(files, index, seed, window, codes[employer])
                lines["contributions.csv"] += credits_
                lines["spendings.csv"] += bills
                owed = premium if place == 0 else owed + premium
                if place == STAFF - 1 or index == people - 1:
                    _write_payment(files["receipts.csv"], employer, codes[employer], owed, today)
                if progress is not None and index % 200 == 0:
                    progress(index, people)
        lines["accounts.csv"] = lines["declarations.csv"] = people
        lines["employers.csv"] = lines["receipts.csv"] = len(codes)
        for name, draft in drafts.items():
            draft.replace(directory / name)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    if progress is not None:
        progress(people, people)
    return lines


def _write_employers(file: IO[str], people: int, seed: int) -> list[str]:
    """The lines of the employers; their credit codes."""
    employers = -(-people // STAFF)
    codes: list[str] = []
    for number in range(employers):
        draw = _random(seed, f"employer {number}")
        body = f"{draw.choice(('91', '12', '52'))}999999{number:09d}"
        kind = draw.choice(
            ("示例制造有限公司", "示例商贸有限公司", "示例学校", "示例医院", "示例科技有限公司")
        )
        staff = min(STAFF, people - number * STAFF)
        codes.append(body + credit_code_check(body))
        file.write(f"{codes[-1]},{kind}{number + 1:06d},{AREA},{staff}\n")
    return codes


def _write_payment(file: IO[str], employer: int, code: str, owed: int, today: date) -> None:
    """What an employer has paid for this month."""
    paid = owed // 2 if employer % _HALF_PAYS == _HALF_PAYS - 1 else owed
    period = format_period(period_of(today))
    file.write(f"{code},SK-{employer:06d}-{period},{period},{today},{format_yuan(paid)}\n")


def _write_person(
    files: Mapping[str, IO[str]], index: int, seed: int, window: _Window, employer_code: str
) -> tuple[int, int, int]:
    """The lines of one person in all files; how many contributions and bills, and this month's premium."""
    draw = _random(seed, str(index))
    id_number, sex, birth_date = _id_number(index, seed, window.today)
    joined = 0 if draw.randrange(100) < 85 else draw.randrange(1, MONTHS)
    months = window.months[joined:]
    wage = 350_000 + draw.randrange(450_000) + draw.randrange(450_000)
    if draw.randrange(8) == 0:
        wage *= draw.randrange(2, 5)
    paid_on = 10 + index // STAFF % 10
    incoming = list(_credits(draw, months, wage, paid_on, window.today))
    if joined:
        opened_on = first_day(months[0]).replace(day=draw.randrange(1, 15))
        current_year = carried_over = 0
    else:
        # taken over from an earlier system, with what was there
        opened_on = window.first_day
        years = max(window.first_day.year - birth_date.year - 20, 0)
        current_year = (opened_on.month - 1) * incoming[0].fen * draw.randrange(4, 11) // 10
        carried_over = years * draw.randrange(5_000, 90_000)
    opening = ",,"
    if current_year or carried_over:
        opening = f"{format_yuan(current_year)},{format_yuan(carried_over)},OLD-{index:08d}"
    files["accounts.csv"].write(
        f"{id_number},{_name(draw)},{AREA},{sex},{birth_date},{opening},{opened_on}\n"
    )
    employer = index // STAFF
    files["contributions.csv"].writelines(
        f"{id_number},JS-{employer:06d}-{credit.period}-{index:08d},{credit.period},{credit.effective_on},"
        f"{format_yuan(credit.fen)}\n"
        for credit in incoming
    )
    bills = _bills(draw, incoming, current_year + carried_over, opened_on, window.today)
    files["spendings.csv"].writelines(
        f"{id_number},{bill.institution}-{bill.effective_on:%Y%m%d}-{index:08d}-{number:03d},"
        f"{bill.institution},{bill.effective_on},{format_yuan(bill.fen)},"
        f"{'true' if bill.take_available else 'false'}\n"
        for number, bill in enumerate(bills, start=1)
    )
    # the base of the last month is the wage of this one
    wage_now = incoming[-1].fen * 50
    files["declarations.csv"].write(
        f"{employer_code},{format_period(period_of(window.today))},{id_number},{format_yuan(wage_now)}\n"
    )
    base = _base(wage_now, window.today.year if window.today.month >= 7 else window.today.year - 1)
    premium = round_half_up(base * 2, 100) + round_half_up(base * 75, 1000)
    return len(incoming), len(bills), premium


def _random(seed: int, place: str) -> random.Random:
    return random.Random(f"{seed}/{place}")  # noqa: S311  a sample is to be the same again, not to be secret


def _id_number(index: int, seed: int, today: date) -> tuple[str, int, date]:
    """The ID number of the n-th person of a seed, with the sex and birth date it says. No two are equal."""
    first = date(today.year - 59, 1, 1)
    days = (date(today.year - 19, 12, 31) - first).days + 1
    all_numbers = len(_PROVINCES) * days * _SEQUENCES
    start = int.from_bytes(sha256(f"id {seed}".encode()).digest()[:8], "big")
    rest, sequence = divmod((start + index * _STRIDE) % all_numbers, _SEQUENCES)
    province, day = divmod(rest, days)
    birth_date = first + timedelta(days=day)
    body = f"{_PROVINCES[province]}9999{birth_date:%Y%m%d}{sequence + 1:03d}"
    return body + check_digit(body), FEMALE - (sequence + 1) % 2, birth_date


def _name(draw: random.Random) -> str:
    if draw.randrange(200) == 0:
        return draw.choice(_LONG_NAMES)
    # the most frequent surnames stand first
    surname = _SURNAMES[min(draw.randrange(len(_SURNAMES)), draw.randrange(len(_SURNAMES)))]
    given = draw.choice(_GIVEN) + (draw.choice(_GIVEN) if draw.randrange(5) else "")
    return surname + given


def _credits(
    draw: random.Random, months: Sequence[int], wage: int, paid_on: int, today: date
) -> Iterator[_Credit]:
    """Two per cent of a month's base, valued in the middle of the next month, but not after today."""
    for period in months:
        first = first_day(period)
        if first.month == 7:
            wage = wage * draw.randrange(101, 109) // 100
        base_year = first.year if first.month >= 7 else first.year - 1
        fen = round_half_up(_base(wage, base_year) * 2, 100)
        following = first_day(next_period(period)).replace(day=paid_on)
        yield _Credit(format_period(period), min(following, today), fen)


def _base(wage: int, base_year: int) -> int:
    floor, cap = next((floor, cap) for since, floor, cap in _BASES if since <= base_year)
    return min(max(wage, floor), cap)


def _bills(
    draw: random.Random, incoming: list[_Credit], balance: int, opened_on: date, today: date
) -> list[_Bill]:
    """Bills in order of day, each within what the account holds on its day; the last may go beyond."""
    hospital = next(one.code for one in EXAMPLE_INSTITUTIONS if one.kind == "hospital")
    pharmacy = next(one.code for one in EXAMPLE_INSTITUTIONS if one.kind == "pharmacy")
    span = (today - opened_on).days + 1
    wanted: list[tuple[date, int, str]] = []
    for _ in range(span * draw.randrange(1, 8) // 365):
        day = opened_on + timedelta(days=draw.randrange(span))
        kind = draw.randrange(100)
        if kind < 65:
            wanted.append((day, draw.randrange(800, 32_000), pharmacy))
        elif kind < 97:
            wanted.append((day, draw.randrange(3_000, 95_000), hospital))
        else:
            wanted.append((day, draw.randrange(150_000, 900_000), hospital))
    bills: list[_Bill] = []
    credited = 0
    for day, asked, institution in sorted(wanted):
        while credited < len(incoming) and incoming[credited].effective_on <= day:
            balance += incoming[credited].fen
            credited += 1
        fen = min(asked, balance)
        if fen >= 100:
            bills.append(_Bill(day, fen, institution, draw.randrange(2) == 0))
            balance -= fen
    balance += sum(credit.fen for credit in incoming[credited:])
    if draw.randrange(12) == 0:
        # more than there is: the account pays what it has, the rest is cash
        bills.append(_Bill(today, balance + draw.randrange(5_000, 300_000), hospital, take_available=True))
    return bills
