"""Needles in prompts that mix text, pictures, sound and film."""
