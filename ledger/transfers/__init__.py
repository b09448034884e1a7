"""Transfers to and from other agencies, what follows them, and other ways out of the scheme (R51, R52)."""
