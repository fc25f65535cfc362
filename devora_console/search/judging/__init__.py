"""Judged queries: suites, metrics with their uncertainty, and the comparison of two runs."""
