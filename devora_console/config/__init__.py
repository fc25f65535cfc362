"""Settings, secrets that cannot be printed, and where files live."""
