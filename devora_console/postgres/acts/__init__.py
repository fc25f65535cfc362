"""What the console does to a PostgreSQL server on a person's word: previewed, confirmed, logged, verified."""
