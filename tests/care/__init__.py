"""Medical care."""
