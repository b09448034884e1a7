"""Sheets to print in tests, and what they look like to whoever is handed one."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.printing.sheet import CellHolds, Fact, PrintedColumn, PrintedSheet, Sum, Table

CHECKS = "https://ledger.example.org/v1/checks/"
CODE = "7K2M-9QX4-T3WB-H"
SIGNED = b'{"payload":"eyJraW5kIjoi6LSm5oi3In0","protected":"eyJhbGciOiJFZERTQSJ9","signature":"AAAA"}'
RARE = "\U0002cb5a龑㛃\U00020bb7㐂"
"""Characters of names that stand outside the common sets, two of them outside the basic plane."""

ENTRIES = (
    PrintedColumn("day", "日期", CellHolds.DAY),
    PrintedColumn("kind", "业务类型", CellHolds.TEXT),
    PrintedColumn("income", "收入", CellHolds.MONEY),
    PrintedColumn("spending", "支出", CellHolds.MONEY),
    PrintedColumn("balance", "余额", CellHolds.MONEY),
    PrintedColumn("care_type", "就诊类别", CellHolds.TEXT),
    PrintedColumn("remark", "备注", CellHolds.TEXT),
    PrintedColumn("institution", "机构编码", CellHolds.TEXT),
    PrintedColumn("institution_name", "机构名称", CellHolds.TEXT),
)
MONTHS = (
    PrintedColumn("month", "缴费月份", CellHolds.MONTH),
    PrintedColumn("employer", "缴费单位", CellHolds.TEXT),
    PrintedColumn("base", "缴费基数", CellHolds.MONEY),
    PrintedColumn("own", "个人缴费", CellHolds.MONEY),
    PrintedColumn("unit", "单位缴费", CellHolds.MONEY),
    PrintedColumn("credited", "划入个人账户", CellHolds.MONEY),
    PrintedColumn("paid_on", "到账日期", CellHolds.DAY),
)
YEARS = tuple(
    PrintedColumn(f"{key}_{pair}", title, holds)
    for pair in (1, 2, 3)
    for key, title, holds in (("year", "年度", CellHolds.COUNT), ("months", "缴费月数", CellHolds.COUNT))
)


def sheet(
    tables: tuple[Table, ...] = (),
    *,
    title: str = "基本医疗保险个人账户收支明细单",
    kind: str = "account_list",
    name: str = "张三",
    words: tuple[str, ...] = (),
    sums: tuple[Sum, ...] = (),
    notes: tuple[str, ...] | None = None,
    agency: str = "示例市医疗保障事务中心",
    check_address: str = CHECKS + CODE,
    issued_at: str = "2026-11-28T10:11:12+08:00",
) -> PrintedSheet:
    """A sheet with the head of a person."""
    return PrintedSheet(
        kind=kind,
        title=title,
        serial="D2026112800000017K",
        verification_code=CODE,
        check_address=check_address,
        issued_at=issued_at,
        agency=agency,
        head=(
            Fact("name", "姓名", name),
            Fact("id_number", "公民身份号码", "119999********0015"),
            Fact("account_no", "个人账户号", "P483920174650"),
            Fact("status", "参保状态", "正常参保"),
            Fact("from", "起始日期", date(2025, 1, 1), CellHolds.DAY),
            Fact("to", "截止日期", date(2026, 11, 28), CellHolds.DAY),
            Fact("opening", "期初余额", 123456, CellHolds.MONEY),
        ),
        tables=tables,
        sums=sums,
        words=words,
        notes=(
            "对本单据有疑问的，请向出具单据的经办机构查询，或拨打 12393。",
            "依据：《中华人民共和国社会保险法》第四条、第七十四条。",
            "本单据与经办窗口出具的纸质单据具有同等效力；扫描二维码或在核验网址输入核验码可核对真伪。",
        )
        if notes is None
        else notes,
    )


def entries(count: int) -> Table:
    """So many lines of an account, with their totals; every tenth has a long remark."""
    lines, balance, income, spent = [], 123456, 0, 0
    for number in range(count):
        came, went = (10000 + number % 977, None) if number % 3 == 0 else (None, 1500 + number * 37 % 5000)
        balance += (came or 0) - (went or 0)
        income, spent = income + (came or 0), spent + (went or 0)
        lines.append(
            (
                date(2025, 1, 1) + timedelta(days=number % 690),
                "单位缴费划入" if came else "普通门诊个人账户支付",
                came,
                went,
                balance,
                None if came else ("门诊", "药店购药", "住院")[number % 3],
                f"单据 B{number:07d}" if number % 10 else f"冲正 B{number:07d}：退回上月误划入的单位缴费部分",
                None if came else f"H99{number % 10000:04d}",
                None if came else f"示例市第{'一二三四五六七八九'[number % 9]}人民医院",
            )
        )
    totals = (None, None, income, spent, None, None, None, None, None)
    return Table("entries", "收支明细", ENTRIES, tuple(lines), totals)


def payments(count: int) -> Table:
    """So many months of payments, with both parts added up."""
    lines, month = [], 202001
    for number in range(count):
        base = 500000 + number * 1000
        own, unit = base * 2 // 100, base * 6 // 100
        day = date(month // 100, month % 100, 15)
        lines.append((month, "示例市南山机械制造有限责任公司", base, own, unit, own, day))
        month = month + 1 if month % 100 < 12 else month + 89
    own, unit = sum(line[3] for line in lines), sum(line[4] for line in lines)
    return Table("payments", "缴费明细", MONTHS, tuple(lines), (None, "合计", None, own, unit, own, None))


def insured(years: int) -> Table:
    """Three pairs of columns, year and months paid."""
    pairs = [(2000 + number, 12 if number % 5 else 11) for number in range(years)]
    rows = []
    while pairs:
        three, pairs = pairs[:3], pairs[3:]
        cells = [cell for pair in three for cell in pair]
        rows.append(tuple(cells + [None] * (6 - len(cells))))
    return Table("months", "历年缴费月数", YEARS, tuple(rows))
