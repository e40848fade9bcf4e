"""The wire formats that the local server speaks."""
