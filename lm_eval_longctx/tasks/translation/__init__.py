"""Translation into and out of a language that is learnt from one book."""
