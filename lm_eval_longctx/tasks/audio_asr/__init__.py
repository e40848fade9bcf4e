"""Long recordings, transcribed in one piece."""
