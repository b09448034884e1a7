"""What each channel may see: the one table of channels and groups of fields (R61-R63, R65)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from ledger.chart.channels import EVERYTHING, NOTHING, AccessChannel, FieldGroup
from ledger.policy import Policy

G = FieldGroup

SEES: Final[Mapping[AccessChannel, FieldGroup]] = {
    # another system, which answers itself for what its people see
    AccessChannel.SYSTEM: EVERYTHING,
    # a person stands there, or their proxy or heir
    AccessChannel.WINDOW: EVERYTHING & ~G.READS,
    # what may be said to a voice: never a number, a diagnosis or an item (R61)
    AccessChannel.PHONE: G.IDENTITY_MASKED | G.BALANCE | G.PAYMENTS,
    # the person alone, and nothing of others
    AccessChannel.ONLINE: EVERYTHING & ~G.OTHERS_NAMES,
    AccessChannel.KIOSK: EVERYTHING & ~G.OTHERS_NAMES,
    # its staff's registration and payments; no balance, spending, benefits (R62)
    AccessChannel.EMPLOYER: G.IDENTITY_MASKED | G.PAYMENTS,
    # whom it treats, what that cost and who paid
    AccessChannel.INSTITUTION: G.IDENTITY_MASKED | G.CARE_AMOUNTS | G.CARE_ITEMS,
    # only by a written request that was granted (R63)
    AccessChannel.AGENCY: NOTHING,
    AccessChannel.AUDIT: EVERYTHING,
}
"""Which groups of fields an answer may show that goes out through a channel."""

ASKED: Final[Mapping[FieldGroup, bool]] = {
    G.IDENTITY_MASKED: True,
    G.IDENTITY_FULL: True,
    G.BALANCE: True,
    G.ENTRIES: True,
    G.PAYMENTS: True,
    G.CARE_AMOUNTS: True,
    # diagnoses and items are between the person and who treats them
    G.CARE_ITEMS: False,
    # a request is about the persons that it names
    G.OTHERS_NAMES: False,
    # and who else looks into somebody is nobody's affair
    G.READS: False,
}
"""Which groups of fields another agency may ask for in a request (R63)."""
ASKABLE: Final = FieldGroup(sum(group for group, may in ASKED.items() if may))

C = AccessChannel
ASKING_ONLY: Final = frozenset({C.PHONE, C.ONLINE, C.KIOSK, C.AGENCY, C.AUDIT})
"""Channels that read and post nothing."""


def may_see(channel: AccessChannel, fields: FieldGroup) -> bool:
    """Whether an answer that shows all of these may go out through a channel."""
    return fields & ~SEES[channel] == NOTHING


def purposes(policies: Iterable[Policy], channel: AccessChannel, day: date) -> frozenset[str]:
    """What a channel may look for on a day: of an installation with several areas, what one of them says."""
    return frozenset(word for policy in policies for word in policy.access.purposes_on(channel.word, day))
