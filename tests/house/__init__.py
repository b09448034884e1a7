"""The house itself: layering, schema, OpenAPI."""
