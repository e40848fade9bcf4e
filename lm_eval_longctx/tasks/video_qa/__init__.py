"""Questions about a day of film."""
