"""Reading a text: a short answer in words, a translation, or a long text that was to be repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lm_eval_longctx.answers import claims
from lm_eval_longctx.answers.abstaining import abstains
from lm_eval_longctx.answers.numerals import with_digits
from lm_eval_longctx.answers.spelling import normalise
from lm_eval_longctx.answers.thoughts import without_thoughts
from lm_eval_longctx.answers.wrapping import after_lead, in_json, is_lead, lines_of, place_of, plain, unquoted

_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*")
_GROUPS = re.compile(r"(?<=\d)[,' _](?=\d{3}(?!\d))")
_MINUS = re.compile(r"(?<![\w.,)-])-(?=\d)")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_ARTICLES = frozenset(("a", "an", "the"))
_FRAMES = frozenset(
    "it is was are were he she they that this there his her their its in at of by on to from for be been has had did does do so seems appears "
    "therefore thus hence would must who which whom what where when how many much year named called name answer called i think believe "
    "according document text context based es el la los las le les der die das ist est è il lo una un une ein eine".split()
)
_KEPT_WORDS = frozenset(
    "not no never or nor either neither maybe perhaps possibly probably but except without unlike".split()
)
_REASON = re.compile(
    r"[.;,]?\s+(?:because|since|as (?:it|the|stated|told|mentioned)|according to"
    r"|\((?:see|as|according|based|from|since|because|found|stated|mentioned))\b.*"
    r"|,?\s+(?:although|though|but) [iI]\b[^.]*\b(?:certain|sure|confident|wrong|mistaken)\b.*"
    r"|,\s+(?:as|who|which|whose)\b(?![^.]*\b(?:not|never|or|nor|but)\b).*",
    re.DOTALL,
)
_SPEAKER = re.compile(r"^\W*(?:q|question|a|assistant|model)\W*:\s*", re.IGNORECASE)
_CONCLUSION = re.compile(
    r"^\W*(?:in conclusion|conclusion|overall|finally|in the end|consequently|so|thus|hence|therefore)\b[\s,:]*",
    re.IGNORECASE,
)
_FEW = 4
"""Words of a line that is a candidate among others, and no explanation."""

_TABLE_HEAD = re.compile(r"\A\s*\|[^\n]*\n[ \t]*\|[ \t:|-]{3,}\n")
_DENIED = re.compile(
    r"[,;(]\s*(?:and |but )?not\s+[^,.;()]{1,60}\)?|\s+(?:rather than|instead of)\s+[^,.;()]{1,60}"
    r"|^\W*(?:it|that|this)(?:(?:'s| is| was) not|\s(?:isn't|wasn't))\s[^.,;]{1,60}[.,;]\s+(?:but )?"
    r"|^\W*(?:at first |initially |originally )?i (?:first |initially |originally )?(?:thought|guessed|assumed|believed) [^.,;]{1,60}[,.;] (?:but |however,? )?",
    re.IGNORECASE,
)
_DECIMALS = re.compile(r"(?<=\d)\.0+(?![\d.])")
_IT = r"(?:it|this|that|(?:the|this|your|a|an) (?:\w+ ){0,2}(?:sentence|phrase|text|line|recording|utterance))"
_SAYS = r"(?:means|says|reads|translates|(?:would|could|can|may|might|should) (?:mean|read|translate))"
_IS_PUT = r"(?:is|would be|could be|can be|may be|might be)(?: (?:best|roughly|probably|literally))?(?: (?:translated|rendered|put))?"
_I_PUT = rf"i(?:'d|'ll| would| will| can| could)?(?: \w+)? (?:translate|render|put) {_IT}"
_TRANSLATES = re.compile(
    rf"\W*(?:(?:so|thus|therefore|hence),? )?(?:in \w+,? )?(?:{_IT} {_SAYS}(?: (?:to|as|into|in|english|roughly|the following))*\s*(?::\s*|(?=[\"\u201c]))"
    rf"|(?:{_IT} {_IS_PUT}|{_I_PUT})(?: (?:to|as|into|in|(?<=in )\w+|(?<=into )\w+|roughly|the following)){{0,4}}\s*:\s+)",
    re.IGNORECASE,
)
_MEANS = r"(?:means?|is|translates?(?: (?:to|as|into))?|(?:can|would|could) be translated (?:as|to|into)|in english|bedeutet|signifie|significa|=|→|->|[-\u2013\u2014](?=\s))"
_TRANSLATION = re.compile(r"translat|english|kalamang|übersetzung|traduc", re.IGNORECASE)
_NAME = re.compile(r"\b[^\W\d_a-z][^\W\d_]{2,}")
_LABEL = 3
"""Words of a label at most."""

_GLOSS = re.compile(r"\s*\((?:literal|lit\.|note|a literal|word for word)[^()]*\)\s*$", re.IGNORECASE)
_TRANSCRIPT = (
    r"(?:transcript(?:ion)?|transcripción|transcrição|trascrizione|transkript(?:ion)?|verbatim text|транскри\w+|расшифровка"
    r"|转录\w*|轉錄\w*|文字起こし|書き起こし|전사\w*|녹취록|प्रतिलेख\w*|النص المكتوب|التفريغ)"
)
_POLITE = r"(?:(?:sure|certainly|of course|okay|absolutely)[!,.] ?)"
_ANNOUNCED = re.compile(
    # on the line of the speech: "Here is the full transcript of the recording: ..."
    rf"\s*[#*]*\s*{_POLITE}?(?:(?:here|below|this) (?:is|are) |here's |voici |hier ist |ecco |вот |aquí (?:está|tienes) )?"
    rf"(?:(?:the|an?|my|full|complete|audio|verbatim|word-for-word|la|le|die|das|il|el) )*{_TRANSCRIPT}"
    r"(?: (?:of|for|from|de|des|du|der|della) (?:\w+ ){0,3}(?:audio|recording|speech|file|clip|video|aufnahme|enregistrement|grabación))?\**\s?[:：]\**\s*"
    # on a line of its own
    rf"|\s*[^\n]{{0,80}}{_TRANSCRIPT}[^\n]{{0,80}}[:：]\**[ \t]*\n\s*|\s*{_POLITE}[^\n]{{0,80}}:[ \t]*\n\s*|\s*[#*]+ ?{_TRANSCRIPT}[#* ]*\n\s*",
    re.IGNORECASE,
)
_ENDED = re.compile(rf"\n\W*end of (?:the )?(?:{_TRANSCRIPT}|recording|audio)\W*\Z", re.IGNORECASE)
_SAID_BY = re.compile(
    rf"\s*{_POLITE}?(?:in (?:the|this) (?:recording|audio|clip|speech),? )?(?:(?:here is|here's|this is) what (?:is said|was said|i hear|i heard|they say)"
    r"|(?:the|this|an?) (?:\w+ ){0,2}(?:speaker|audio|recording|voice|person|clip|speech|man|woman) (?:says|said|is saying|contains|goes))"
    r"[^\n:.!?]{0,40}[:：]\**\s*",
    re.IGNORECASE,
)
_SPEAKERS = re.compile(
    r"^[ \t]*\**(?:speaker|sprecher|locuteur|hablante)(?: ?[a-z0-9]{1,2})?\**:\**[ \t]*", re.IGNORECASE | re.MULTILINE
)
_IN_TAGS = re.compile(
    r"\A[^<]{0,300}<(transcript(?:ion)?|answer|text)>(.*)</\1>[^<]{0,300}\Z", re.DOTALL | re.IGNORECASE
)
_OFFERED = re.compile(
    r"\n\s*(?:-{3,}\s*\n\s*)?[(*_]*(?:please )?(?:let me know|feel free|(?:i )?hope (?:this|that) helps|would you like|do you want|"
    r"is there anything|if you (?:need|have|want|would|'d)|notes?[*_]*:|happy to help)\b[^\n]{0,300}\s*\Z",
    re.IGNORECASE,
)
_LEAD = 400
"""Characters in which a transcript can be announced."""

_HEAD = 200
"""Characters in which the first words of a speech stand."""

SHORT = 600
"""Characters within which a text can be an abstention."""

_FENCE_ALL = re.compile(r"\A\s*(?:```|~~~)[^\n]*\n(.*?)\n?(?:```|~~~)\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class TextRead:
    """A text that an answer gives.

    Attributes:
        text: The words, wrapping off.
        abstained: Whether the answer says that it cannot be told.
        how: Where it stood (see ``wrapping.Place``).
    """

    text: str
    abstained: bool
    how: str

    @property
    def unparsed(self) -> bool:
        """Whether nothing could be read."""
        return not self.abstained and not any(c.isalnum() for c in self.text)


def read_text(answer: str, question: str = "", *, weighed: bool = True) -> TextRead:
    """Return the one line in which an answer says its text; what stands below it is an explanation.

    Args:
        answer: As the model wrote it.
        question: What was asked, to know its echo.
        weighed: Whether lines may be candidates, or lead to a conclusion; not where a text is only rendered.
    """
    place = place_of(answer)
    lines = [line for line in lines_of(_TABLE_HEAD.sub("", place.text)) if line.count(" ") < claims.LONG]
    lines = _without_copies(lines, question)
    line = _statement(lines, weighed=weighed) if place.how == "whole" else "\n".join(lines)
    if place.how in {"final", "answer", "boxed", "tag"} and len(lines) > 1:
        kept = {claims.words(normalise(one)): one for one in lines}
        line = " or ".join(kept.values())
    line = unquoted(after_lead(line))
    gone = place.how == "null" or abstains(normalise(line))
    return TextRead(line, gone, place.how)


def _statement(lines: list[str], *, weighed: bool) -> str:
    """Return the first line; a bare last line, or one that concludes, where reasoning stands before it.

    Several bare lines are candidates, and a line that takes back what stands above it comes in its place.
    """
    if weighed and (back := [place for place, line in enumerate(lines) if place and claims.takes_back(line)]):
        return claims.taken_back(lines[back[-1]])
    if weighed and len(lines) > 1 and all(len(line.split()) <= _FEW and ":" not in line for line in lines):
        return " or ".join({claims.words(normalise(line)): line for line in lines}.values())
    if weighed and claims.concluded(list(map(normalise, lines))) and len(lines[-1].split()) <= 2 * _FEW:
        return _CONCLUSION.sub("", lines[-1])
    if len(lines) > 1 and len(lines[0].split()) > 8 and len(lines[-1].split()) <= 8 and _is_thinking(lines[0]):
        return lines[-1]
    return lines[0] if lines else ""


def _is_thinking(line: str) -> bool:
    return (
        re.match(
            r"\W*(?:let me|let's|i(?:'ll| will| am going to)|first|to answer|to find|i need|we need|the (?:text|document|question|context)|reading|looking|"
            r"okay|hmm|so|well|thinking|step)\b",
            line,
            re.IGNORECASE,
        )
        is not None
    )


def _without_copies(lines: list[str], question: str) -> list[str]:
    known = {claims.words(normalise(part)) for part in re.split(r"(?<=[.?!])\s+|\n", question) if len(part) > 8}
    longest = max(map(len, known), default=0)
    return [kept for line in lines if (kept := line if len(line) > 4 * longest else _without(line, known)).strip()]


def _without(line: str, known: set[str]) -> str:
    """Return a line without the sentences of the question; who speaks does not count."""
    bare = _SPEAKER.sub("", line)
    kept = [part for part in re.split(r"(?<=[.?!])\s+", bare) if claims.words(normalise(part)) not in known]
    return " ".join(kept) if known else line


def read_translation(answer: str, source: str = "", question: str = "") -> TextRead:
    """Return the line that holds a translation, without the sentence that was to be translated.

    Args:
        answer: As the model wrote it.
        source: The sentence that was to be translated.
        question: What was asked: a label such as ``Hanuyu:`` is known by it.
    """
    read = read_text(_without_source(answer, source), weighed=False)
    head, colon, rest = read.text.partition(": ")
    means = _TRANSLATES.match(read.text)
    if means and read.text[means.end() :].strip():
        text = read.text[means.end() :]
    else:
        text = rest if colon and rest.strip() and _is_label(head, question) else read.text
    return TextRead(plain(_GLOSS.sub("", text)), read.abstained, read.how)


def _is_label(head: str, question: str) -> bool:
    """Whether a line's beginning says that a translation follows, or in which language; the question names languages."""
    words = head.lower().split()
    asked = question.partition(":")[0]
    languages = {word.lower() for word in _NAME.findall(asked)} if len(words) == 1 else set()
    return len(words) <= _LABEL and (_TRANSLATION.search(head) is not None or bool(languages.intersection(words)))


def _without_source(answer: str, source: str) -> str:
    """Return an answer without the sentence that it translates and the words that lead on from it (``X means``)."""
    bare = source.strip().rstrip(".?!")
    if not bare:
        return answer
    marks = r"[\"'*_`\u201c\u201d\u2018\u2019\u00ab\u00bb.?!]*"
    of = rf"(?<=translation) (?:of|for)(?: the)?(?: \w+)?(?: sentence| phrase| text)? ?{marks}{re.escape(bare)}{marks}"
    answer = re.sub(of, "", answer, flags=re.IGNORECASE)
    lead = rf"(?:[-*>#]+ )?(?:(?:the )?(?:\w+ )?(?:sentence|phrase|text|source)?:?|{marks}(?:\w+ ){{0,2}}\w+{marks}:{marks})\s*{marks}"
    said = rf"^[ \t]*{lead}{re.escape(bare)}{marks}[ \t]*(?:{_MEANS}[ \t]*[:：]?|$)[ \t]*\n?"
    without = re.sub(said, "", answer, flags=re.IGNORECASE | re.MULTILINE)
    return without if any(c.isalnum() for c in without) else answer


def read_long(answer: str, beginning: str) -> str:
    """Return a long text as it was repeated: thoughts and what is wrapped round the whole come off, no more.

    Args:
        answer: The model's own text.
        beginning: How the text must begin; a polite line before it comes off.
    """
    said = without_thoughts(answer)
    text = "" if said.unclosed else said.text
    if fenced := _FENCE_ALL.match(text):
        text = fenced[1]
    place = in_json(text) if "{" in text else None
    text = place.text if place and place.text.startswith(beginning) else text
    head, found, rest = text.partition(beginning)
    if found and not _introduces(head):
        return text
    if found and head.strip():
        body = beginning + rest
        mark = head.strip()[-1:]
        text = body.rstrip().removesuffix(mark) if mark in {'"', "'", "*", "`"} else body
        text = text.rstrip("*`") if mark in "*`" else text
    return text


def read_transcript(answer: str, said: str = "") -> TextRead:
    """Return what was written down: thoughts, wrapping, what announces a transcript and what is offered after it come off.

    Args:
        answer: The model's own text.
        said: What was said, for a speech may itself begin with such a line.
    """
    thought = without_thoughts(answer)
    text, how = "" if thought.unclosed else thought.text.lstrip(), "whole"
    if tagged := _IN_TAGS.match(text):
        text = tagged[2].strip()
    if said:
        text = _without_frame(text, said)
    if _first_words(text) != _first_words(said):
        fenced, place = _FENCE_ALL.match(text), in_json(text.strip())
        text, how = (place.text, place.how) if place else (fenced[1].lstrip() if fenced else text, how)
        head = _ANNOUNCED.match(text[:_LEAD]) or _SAID_BY.match(
            text[:_LEAD]
        )  # no further: a loop of blanks must not be read again and again
        text = _ENDED.sub("", text[head.end() :]) if head else text
    return TextRead(text, how == "null" or (len(text) < SHORT and abstains(normalise(text))), how)


def _without_frame(text: str, said: str) -> str:
    """Return a transcript without speakers' labels and without what is offered at its end, unless they were said.

    Only what was said tells them from speech, so that nothing comes off where it is not known.
    """
    text = text if _SPEAKERS.search(said) else _SPEAKERS.sub("", text)
    offered = _OFFERED.search(text, max(0, len(text) - _LEAD))
    if offered and " ".join(claims.words(normalise(offered[0])).split()[:3]) not in claims.words(normalise(said)):
        text = text[: offered.start()].rstrip()
    return text


def _first_words(text: str) -> list[str]:
    return claims.words(normalise(text[:_HEAD])).split()[:2]


def _introduces(head: str) -> bool:
    """Whether what stands before a text is nothing but a polite line, quotes or bold marks."""
    bare = head.strip().strip("*_`\"' \n")
    return not bare or (bare.count("\n") < 2 and is_lead(bare))


def answer_words(text: str) -> list[str]:
    """Return the words of an answer that count, numbers in digits.

    Examples:
        ``The Heron Bridge.`` gives ``heron bridge``; ``312 marks`` and
        ``three hundred and twelve marks`` give ``312 marks``.
    """
    low = normalise(plain(text)).replace("'s", "s")
    low = _MINUS.sub("minus ", low)
    low = _DECIMALS.sub("", _ORDINAL.sub("", _GROUPS.sub("", low)))
    return list(with_digits([word for word in _WORD.findall(low) if word not in _ARTICLES]))


def states(given: str, right: str, question: str) -> bool:
    """Whether an answer's line says the right text and nothing else but words of the question and of frames.

    Words of the question that belong to what can be chosen from (*A or B*) do not count as frame.
    """
    target = answer_words(right)
    if answer_words(given) == target:
        return True
    known = _known(question, set(target))
    first = _sentence(given, target)
    rest = [
        word
        for word in answer_words(first)
        if word in target or word in _KEPT_WORDS or not {word, word.removesuffix("s")} & known
    ]
    return rest == target


def _known(question: str, target: set[str]) -> set[str]:
    asked = set(answer_words(question))
    if target <= asked:  # the answer is one of those that the question names
        asked = set(answer_words(question.partition(":")[0])) if ":" in question else set()
    return asked | _FRAMES


def _sentence(text: str, target: list[str]) -> str:
    """Return the first sentence without its reason; more of it only where the target goes on."""
    text = _REASON.sub("", text)
    text = _DENIED.sub(lambda m: m[0] if set(target) & set(answer_words(m[0])) else "", text)
    text = claims.corrected(text, [m.start() for m in _WORD.finditer(text)])
    for stop in re.finditer(r"(?:(?<!\bNo)(?<!\bMr)(?<!\bSt)(?<!\bDr)\.\s+(?=[A-Z])|;\s+)", text):
        if set(target) <= set(answer_words(text[: stop.start()])):
            return text[: stop.start()]
    return text
