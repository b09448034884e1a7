"""An installation at work: set up, served, its long runs, its demo."""
