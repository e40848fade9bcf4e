"""Tasks: one folder a family, each with a `builder` that turns planned samples into prompts."""
