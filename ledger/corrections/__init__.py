"""Corrections of many entries at once: shown first, month by month, and then posted as one batch."""
