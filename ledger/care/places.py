"""Level and area of the institutions of a year's bills, by what is known now (K9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import Connection, or_, select

from ledger import tables
from ledger.care.adjudication import REFERRAL_FROM_LEVEL
from ledger.care.rows import SettlementRow
from ledger.chart.care import CareType, Cut
from ledger.policy import Policy
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked

_I, _G = tables.institution.c, tables.institution_change.c


class PlaceChange(NamedTuple):
    """What an entry says of an institution from a day on; None is what it says nothing of."""

    valid_from: date
    level: int | None
    area: int | None


class DatedPlace(NamedTuple):
    """An institution as first registered, with what was said of it since, in the order of the days."""

    level: int
    area: int
    changes: tuple[PlaceChange, ...]

    def level_on(self, day: date) -> int:
        said = [one.level for one in self.changes if one.valid_from <= day and one.level is not None]
        return said[-1] if said else self.level

    def area_on(self, day: date) -> int:
        said = [one.area for one in self.changes if one.valid_from <= day and one.area is not None]
        return said[-1] if said else self.area

    def cut(self, policy: Policy, row: SettlementRow, own_area: int) -> Cut:
        """Why points come off a bill there, before it is looked for what was filed (R40)."""
        day = row.care_date
        if self.area_on(day) != own_area:
            return Cut.OUT_OF_AREA
        if row.care_type is not CareType.INPATIENT or self.level_on(day) < REFERRAL_FROM_LEVEL:
            return Cut.NONE
        if row.cut is Cut.NONE and row.level >= REFERRAL_FROM_LEVEL:
            return Cut.NONE
        return Cut.NO_REFERRAL if policy.care.referral_required.on(day) else Cut.NONE


# by the number of the institution's book
Places = Mapping[int, DatedPlace]
NOWHERE: Final[Places] = MappingProxyType({})


def _read(connection: Connection, _asked: Asked, _desk: Desk) -> Places:
    """All that ever changed: they are few, and one plain read is less than to ask by the bills of many."""
    rows = connection.execute(
        select(_G.book_id, _I.level, _I.area, _G.valid_from, _G.level.label("to"), _G.area.label("into"))
        .join_from(tables.institution_change, tables.institution, _I.party_id == _G.book_id)
        .where(or_(_G.level.is_not(None), _G.area.is_not(None)))
        .order_by(_G.book_id, _G.valid_from, _G.seq)
    )
    found: dict[int, DatedPlace] = {}
    for party_id, level, area, *said in rows:
        there = found.get(party_id, DatedPlace(level, area, ()))
        found[party_id] = there._replace(changes=(*there.changes, PlaceChange(*said)))
    return found


# the institutions of which level or area have changed
PLACES: Need[Places] = Need("what institutions have become", _read)
