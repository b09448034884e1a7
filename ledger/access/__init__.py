"""Who may see and do what: tokens, and the owners of what is looked at."""
