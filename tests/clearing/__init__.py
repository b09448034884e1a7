"""Institutions and the agency."""
