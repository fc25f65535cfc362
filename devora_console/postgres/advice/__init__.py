"""Indexes worth trying: what the plans of slow statements read in vain, weighed by the statistics of the columns."""

from devora_console.postgres.advice.read import read_advised

__all__ = ["read_advised"]
