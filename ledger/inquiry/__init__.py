"""Whoever asks: what is written outside the book for them, and what auditors find in the read log."""
