"""What entries write beside themselves, and the state that this adds up to."""
