"""Seals: what anybody who kept a few lines can hold the whole ledger against.

Each run of `seal` puts how far every book was, and what every account held at the end of its last finished
year, under two hashes, and these into a log of days that only grows. Who keeps a checkpoint of that log finds
later whether anything before it was cut off, put back to an older state, or written anew, by whomever.
"""
