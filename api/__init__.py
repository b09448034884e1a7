"""The HTTP door: parse, run one verb, answer. Knows nothing of tables, and takes no decision about money."""
