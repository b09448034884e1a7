"""Employers, their lists and payments over HTTP."""
