"""Negative log-likelihood by position in long documents."""
