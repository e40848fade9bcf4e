"""Needles in film."""
