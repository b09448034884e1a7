"""People and offices that ask."""
