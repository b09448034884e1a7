"""A person's account: opened, filled, spent from, held, frozen, reversed, shared, carried over, closed."""
