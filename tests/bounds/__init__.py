"""The bounds of days and months."""
