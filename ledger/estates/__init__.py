"""Estates: what is open, what the dead person owes, and the division among the heirs."""
