"""What the routes of operations are sent."""

from __future__ import annotations

from typing import Any

from api.http.fields import Area, Strict, example


class YearEnd(Strict):
    """The area whose year is ended."""

    model_config = example(area="990100")

    area: Area


class RetireeCredits(Strict):
    """The area whose retirees are credited; `older` says that a month of more than a year ago is meant."""

    model_config = example(area="990100")

    area: Area
    older: bool = False


class AnnualSettlements(Strict):
    """The area whose people's year is settled."""

    model_config = example(area="990100")

    area: Area


class Bulk(Strict):
    """Up to 10,000 commands, each judged by itself; `atomic` makes a group of up to 1,000 one.

    A command is the body of its single call, with `verb`, `idempotency_key` and what the path would name:
    `account` (contribute, spend, hold, freeze, death, death_correction, death_withdrawal, name_change,
    id_number, contact, exit, demand), `hold` (capture, release), `entry` (reverse), `freeze` (end_freeze),
    `demand` (set_off, instalment) or `transfer` (transfer_complete, transfer_acknowledge, transfer_reject);
    `open` has its person, `transfer` its account in the body.
    """

    model_config = example(
        atomic=False,
        commands=[
            {
                "verb": "contribute",
                "account": "P483920174650K",
                "idempotency_key": "levy-2026-03-000118",
                "amount": "160.00",
                "period": "2026-03",
                "effective_on": "2026-03-20",
                "source_ref": "levy-2026-03-000118",
            }
        ],
    )

    atomic: bool = False
    # judged one by one, each with an outcome of its own
    commands: list[Any]
