"""Words to be copied, one of them odd."""
