"""Tasks: one folder a family, each with a `builder` that turns planned samples into prompts.

Every family has the same inside, as far as it needs it; a reader who knows one
folder knows where to look in the next:

* ``builder.py``: from a planned sample to a sample, and from a sample to a prompt;
* ``public.py``: the same for a published benchmark of the family;
* ``needle.py``: what is hidden and asked for;
* ``questions.py``: kinds of question, each with its only right answer;
* ``source.py``: the family's own hay, or the tables that it reads;
* ``render.py``: how the parts of a prompt are put together;
* ``words.py``: lists of words and forms of sentences, nothing else.

A file with another name holds something that no other family has;
``tests/test_architecture.py`` lists these. Families never import each other:
what several need lies in ``hay``, or beside them in ``base``, ``spread``, ``recorded``, ``filmed`` and ``mixing``.
"""
