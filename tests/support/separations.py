"""Two people who shared one number, for tests of the posting: what a case found, as a command."""

from __future__ import annotations

import itertools
import secrets

from ledger.cases.opening import NewCase, open_case
from ledger.cases.subjects import Subject
from ledger.chart.cases import CaseAbout, CaseKind
from ledger.chart.channels import AccessChannel
from ledger.inquiry.asking import Clerk
from ledger.people.persons import stake_by_number
from ledger.people.separation import SeparatePeople
from tests.support.people import AREA, Someone, World

_texts = itertools.count(1)


def case_about(world: World, book: int) -> str:
    """The name of a new case about an account."""
    subject = Subject(CaseAbout.ACCOUNT, book)
    new = NewCase(CaseKind.OBJECTION, AccessChannel.WINDOW, subject, f"两人同号 {next(_texts)}", None)
    clerk = Clerk("tests", "clerk-7", world.now, world.today)
    with world.engine.connect() as connection:
        return open_case(connection, world.keyring, new, world.policies[AREA], [], clerk).name


def separation(world: World, book: int, other: Someone, *, shared: bytes | None = None) -> SeparatePeople:
    """Tell the holder of an account apart from somebody who has a number of their own."""
    stake, _parsed = stake_by_number(other.id_number, other.name, world.keyring, world.today)
    case = case_about(world, book)
    return SeparatePeople(book, (stake,), shared, case, "d", secrets.randbits(62))
