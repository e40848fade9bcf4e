"""Needles that are spoken."""
