"""The check of the whole."""
