"""Medical care over HTTP."""
