"""Procedures that are followed through all of a context, with an output that grows with it."""
