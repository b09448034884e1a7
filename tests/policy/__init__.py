"""The law as dated numbers."""
