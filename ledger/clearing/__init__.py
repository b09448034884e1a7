"""Institutions and the agency: comparing days, clearing months, paying."""
