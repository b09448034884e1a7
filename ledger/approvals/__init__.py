"""Two people (R68): what waits for a second person, shown and decided."""
