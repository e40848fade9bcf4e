"""Words that stand most often in long lists."""
