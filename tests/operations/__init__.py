"""An installation at work."""
