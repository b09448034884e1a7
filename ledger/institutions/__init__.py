"""Designated institutions: registry, contracts, their books."""
