"""What other systems are told: the outbox, the feed, what a day brings, and webhooks."""
