"""What the ledger promises, tried on SQLite and on PostgreSQL: `make test`, or `pytest --database=…`."""
