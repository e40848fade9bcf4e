"""Needles in pictures."""
