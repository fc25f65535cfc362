"""From MongoDB documents to PostgreSQL rows: map, convert, copy, account for every document, verify."""
