"""Whoever asks, over HTTP."""
