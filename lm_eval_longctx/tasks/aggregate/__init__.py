"""Questions that need nearly all of many records: counts, sums, leaders, comparisons, changes."""
