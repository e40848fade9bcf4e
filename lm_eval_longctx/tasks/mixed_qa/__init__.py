"""Questions that join what was read, heard and seen."""
