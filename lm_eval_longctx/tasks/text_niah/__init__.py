"""Needles in text."""
