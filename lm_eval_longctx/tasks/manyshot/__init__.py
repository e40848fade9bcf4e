"""A labelling learnt from many examples."""
