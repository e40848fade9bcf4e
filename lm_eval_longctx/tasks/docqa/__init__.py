"""Questions about long documents: a chronicle whose world is known, and a novel that everybody can read.

Conventions: a *statement* is a fact with the sentence that tells it; a
*question* is a small plain value from which its text and, given the
statements of a document, its only right answer follow.
"""
