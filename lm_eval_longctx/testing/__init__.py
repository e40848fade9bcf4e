"""For authors of plugins: a local server that speaks five wire formats, and contract suites."""
