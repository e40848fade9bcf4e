"""Questions about who and what is heard when in a long recording."""
