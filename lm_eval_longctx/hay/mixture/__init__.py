"""Mixtures: pages of text, pictures, spoken clips and short films in one prompt, interleaved to a length in tokens."""
