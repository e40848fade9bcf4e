"""Judging long answers: two at a time by a model, claim by claim against the source, and by people."""
