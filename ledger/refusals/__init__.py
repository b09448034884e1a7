"""The expected noes.

words     what a code says
codes     the one table, in order of precedence
refused   the exception that carries a code
"""

from ledger.refusals.codes import PRECEDENCE, RefusalCode
from ledger.refusals.refused import Refused
from ledger.refusals.words import Worded, Words

__all__ = ["PRECEDENCE", "RefusalCode", "Refused", "Worded", "Words"]
