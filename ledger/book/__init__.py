"""One book in memory: its numbers, its state, its chain, the detail of an entry, its interest."""
