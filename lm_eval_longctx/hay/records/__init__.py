"""``records``: dated records without end, in prose of several forms, with the facts beside the sentences.

A world (``world.World``) is a handful of people, places, wares, items and
boats, and records of what was delivered, sold, lent, lost and ordered, of the
condition of items, and of edits of lists of boats. Record ``i`` is a pure
function of seed and ``i``; ``wording.lines`` puts it into a line as a
chronicle, a ledger, a log, minutes or a chat would have it.

For tasks that build on it: ``source.RecordsSource`` is a text for
``hay.text.corpus.Corpus``, one unit a record, so that any ten million tokens
are streamed and counted once. ``hay.text.whole.Fitting`` makes a prompt of a
given length of whole units of any corpus, with statements of your own spread
between them at the depths that you give, and a last line
(``wording.filler``) that brings the length to within sixteen tokens; where a
sentence cut short does no harm, ``tasks.spread`` needs no such line. Facts of a
stretch come from ``World.records(first, last)``, in constant memory.

Records name nobody and nothing beyond ``words``; statements in other words
cannot be taken for records.
"""
