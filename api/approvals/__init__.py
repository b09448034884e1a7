"""Two people, over HTTP."""
