"""What every route uses."""
