"""A case is opened: written down once, with the day by which it is answered."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert

from ledger import tables
from ledger.cases.cases import COUNTING, NAME_BYTES, Case, CaseState, Sight, context, find, last_said
from ledger.cases.subjects import Subject
from ledger.cases.unpaid import UnpaidMonth
from ledger.chart.cases import CaseKind
from ledger.chart.channels import AccessChannel
from ledger.database.lookups import insert_or_leave
from ledger.inquiry.asking import Clerk
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring


class NewCase(NamedTuple):
    """What somebody wants. `person` is the digest of the number of who opens it for themselves."""

    kind: CaseKind
    channel: AccessChannel
    subject: Subject
    text: str
    reply_to: str | None
    person: bytes | None = None
    objects_to: str | None = None

    def content(self, by: Clerk) -> str:
        """What was said by whom, in one text: the same said again is the same."""
        person = None if self.person is None else self.person.hex()
        said = [self.kind, self.channel, *self.subject, self.text, self.reply_to, person, self.objects_to]
        return json.dumps([*said, by.caller, by.actor])


def open_case(
    connection: Connection,
    keyring: Keyring,
    new: NewCase,
    policy: Policy,
    unpaid: Iterable[UnpaidMonth],
    by: Clerk,
    sight: Sight | None = None,
) -> Case:
    """Write a case down; what is said again by the same while the last one waits is that one.

    `unpaid` are the months that are reported with it, `sight` what of other cases is seen. Outside a
    transaction. Raises Refused: case_not_found for what it objects to, case_not_answered.
    """
    content = keyring.digest("case", new.content(by))
    written = by.row(connection)
    with connection.begin():
        if new.objects_to is not None:
            _check_objected(connection, new, sight)
        last = last_said(connection, content)
        if last is None or last.state is not CaseState.OPEN:
            said = 1 if last is None else last.said + 1
            row = _row(keyring, new, policy, by) | {"content": content, "said": said} | written
            insertion = insert_or_leave(connection, tables.inquiry_case)
            if connection.execute(insertion, row, execution_options=COUNTING).rowcount == 1:
                _write_months(connection, row["case_id"], unpaid)
            # of two at once, the one that was first
            last = last_said(connection, content)
    if last is None:
        raise AssertionError("a case that was written is there")
    return last


def _row(keyring: Keyring, new: NewCase, policy: Policy, by: Clerk) -> dict[str, Any]:
    name = secrets.token_hex(NAME_BYTES)
    days = policy.cases.days_on(new.kind.word, by.today)
    due_on = policy.calendar.working_day_after(by.today, days)
    reply_to = None if new.reply_to is None else keyring.seal(new.reply_to, context("reply_to", name))
    return {
        "case_id": name,
        "kind": int(new.kind),
        "channel": int(new.channel),
        "about": int(new.subject.about),
        "book_id": new.subject.book_id,
        "entry_seq": new.subject.entry_seq,
        "document": new.subject.document,
        "person": new.person,
        "objects_to": new.objects_to,
        "text_sealed": keyring.seal(new.text, context("text", name)),
        "reply_to_sealed": reply_to,
        "opened_on": by.today,
        "due_on": due_on,
        "working_days": days,
        "by_calendar": not policy.calendar.unknown_years(by.today, due_on),
    }


def _write_months(connection: Connection, name: str, unpaid: Iterable[UnpaidMonth]) -> None:
    rows = [
        {
            "case_id": name,
            "unit": month.unit,
            "period": month.period,
            "assessed": month.assessed_fen,
            "paid": month.paid_fen,
        }
        for month in unpaid
    ]
    if rows:
        connection.execute(insert(tables.inquiry_case_month), rows)


def _check_objected(connection: Connection, new: NewCase, sight: Sight | None) -> None:
    """What is objected to is an answered case that is seen, about the same account or employer."""
    try:
        objected = find(connection, new.objects_to or "", sight)
    except Refused:
        raise Refused(RefusalCode.CASE_NOT_FOUND, at="objects_to") from None
    if objected.subject.book_id != new.subject.book_id:
        raise Refused(RefusalCode.CASE_NOT_FOUND, at="objects_to")
    if objected.state is CaseState.OPEN:
        raise Refused(RefusalCode.CASE_NOT_ANSWERED, at="objects_to")
