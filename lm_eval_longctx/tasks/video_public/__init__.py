"""Public sets of questions about long films, read from the user's copy."""
