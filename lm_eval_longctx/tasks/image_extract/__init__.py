"""Many pictures, and a table of what they show."""
