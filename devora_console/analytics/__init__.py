"""Product events, what the business can be told from them, and the figures of all that for Prometheus."""
