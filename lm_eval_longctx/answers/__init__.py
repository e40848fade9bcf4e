"""Reading an answer before any scorer: thoughts off, wrapping off, and what is claimed."""
