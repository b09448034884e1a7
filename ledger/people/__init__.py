"""Persons: ID numbers, names, enrolments, membership, entitlement, residents."""
