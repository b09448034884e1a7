"""Transfers, exits, demands and suspended money over HTTP."""
