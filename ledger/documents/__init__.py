"""Documents that are handed out: what stands on each, kept as facts, signed, checked by its code (R60)."""
