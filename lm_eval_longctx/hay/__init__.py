"""Hay: what a needle hides in. Text, voices, film, and made worlds; no task knows another one's hay by itself."""
