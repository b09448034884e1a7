"""Sample documents, to be looked at: `python -m tests.printing FOLDER` writes five sheets in every form."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.printing.rendering import rendered
from ledger.printing.sheet import Form, PrintedSheet, Sum
from tests.printing.sheets import RARE, SIGNED, entries, insured, payments, sheet

CLOSING = (Sum("closing", "期末余额", 1_234_567, certified=True),)
UNBROKEN = ("最近一次连续参保缴费期间：2025年7月至2025年11月。",)


def samples() -> dict[str, PrintedSheet]:
    """By the name of the file."""
    return {
        "payment-list": sheet((payments(12),), title="职工基本医疗保险缴费明细单", kind="payment_list"),
        "account-list": sheet((entries(40),), sums=CLOSING),
        "insured-proof": sheet((insured(26),), title="参保缴费证明", kind="insured_proof", words=UNBROKEN),
        "rare-names": sheet((payments(3),), name=f"阿依古丽·买买提{RARE}\U0002a6a5", sums=CLOSING),
        "long-list": sheet((entries(6200),), sums=CLOSING),
    }


def write(folder: Path) -> list[Path]:
    """Write them, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, one in samples().items():
        for form in Form:
            written.append(folder / f"{name}.{form}")
            written[-1].write_bytes(rendered(one, form, SIGNED).content)
    return written


if __name__ == "__main__":
    print(*write(Path(sys.argv[1])), sep="\n")
