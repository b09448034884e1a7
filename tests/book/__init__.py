"""One book in memory."""
