"""The only place that knows a dialect: engines, lookups, writers."""
