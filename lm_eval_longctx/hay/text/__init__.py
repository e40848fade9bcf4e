"""Text haystacks: corpora, exact lengths, needles.

A corpus is read and tokenised once; afterwards every context is a handful of
byte ranges of it with the needles between them, and only the places where two
pieces meet are tokenised again.
"""
