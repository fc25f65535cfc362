"""Before and after: the same catalogue of questions asked of MongoDB and of PostgreSQL, measured, kept and compared."""
