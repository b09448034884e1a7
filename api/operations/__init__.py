"""Bulk, runs, policies and health over HTTP."""
