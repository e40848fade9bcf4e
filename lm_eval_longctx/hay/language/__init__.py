"""Languages: one that is made up, and published ones, as books, word lists and sentences."""
