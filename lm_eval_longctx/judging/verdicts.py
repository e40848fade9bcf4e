"""What a judge decided, read from what it wrote; what cannot be read is no verdict, and never a tie.

The last statement counts. A statement is what stands behind a word such as ``Verdict``, in the forms in which models
write it (first or last, JSON, Markdown, other languages), or else a last or first line that says nothing but who is
better. Hedges (``A, but B ...``) keep their letter. A letter counts only where a
reason follows, or that it is better: what else is said of an answer (``A is as good as B``, ``Answer A invents a
name``) prefers nobody. Alternatives, conditions, questions, contradictions in one statement, and statements that the
end of the output may have halved, are none.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.answers.thoughts import spoken
from lm_eval_longctx.completion import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from lm_eval_longctx.completion import Completion

    class Reader(Protocol):
        """Reads what a judge wrote."""

        def __call__(self, answer: str, *, cut: bool = False) -> str | None:
            """Return the verdict."""

    Meaning = Callable[[str], str | None]

_KEYS = ("verdict", "final_verdict", "winner", "decision", "judgment", "judgement", "better", "better_answer", "choice")
_LABELS = (
    r"verdict|judge?ment|decision|winner|(?:better|best|preferred) (?:answer|response)|(?:my|final) (?:answer|choice)"
    r"|(?:final|answer|better|best|preferred|preference|choice|result)(?=[ \t]*[:=])"
    r"|urteil|entscheidung|veredicto|verdetto|veredito|вердикт|решение|oordeel|werdykt|karar|الحكم|निर्णय"
    r"|判定|判断|裁定|结论|結論|評決|判決|판정|결론"
)
_STATED = re.compile(
    rf"(?<![^\W_])(?:{_LABELS})(?![a-z])"
    r"(?:(?:[ \t]+(?!expla|reason|rational|because)[^\W\d_]{1,20}){0,5}?[ \t]*(?P<mark>[:=→|]+"
    r"|[ \t][-–—]+[ \t]|\n)|[ \t]+(?:is|ist|est|es|è|—|-)\b[ \t]*)"
    r"\s*",
    re.IGNORECASE,
)
_WRAPPING = re.compile(
    r"\\(?:boxed|text|textbf|mathrm)\b|[*_`\"'“”„«»‘’「」【】\[\](){}\\#$]|</?[a-z_]+>", re.IGNORECASE
)
_TAG = re.compile(r"<(verdict|winner|decision|choice)>", re.IGNORECASE)
_CYRILLIC = re.compile(r"(?<!\w)[АВ](?!\w)")
_NEGATION = re.compile(r"n['’]t\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!;。；！]+(?=\s|$|[^\x00-\x7f])|\n")
_QUESTION = re.compile(r"[^.!;\n]{0,60}?[?？]")
_SHORT = 9
"""Words of a line that is a verdict without saying so; what is longer tells more than that."""

_HALF = 6
"""Words at the end of an output that was cut which may have gone on to say the opposite."""

_ANSWER = (
    r"(?:the[ ]+)?(?:answer|response|option|candidate|assistant|text|antwort|respuesta|réponse|risposta"
    r"|resposta|antwoord|odpowiedź|ответ|回答|答案|답변)"
)
_LETTER = re.compile(
    rf"(?:{_ANSWER}[ ]*(?P<named>[ab12]|one|two)|(?P<bare>[AB])"
    r"|the[ ]+(?P<told>first|second)(?:[ ]+(?:one|answer|response))?)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
_LETTERS = {"1": "a", "one": "a", "first": "a", "2": "b", "two": "b", "second": "b"}
_OPENING = re.compile(
    r"(?:(?:so|thus|overall|therefore|hence|finally|clearly|slightly|probably|definitely|in favou?r of|goes to|for|that"
    r"|(?:the|my)(?: final| better| best| preferred)? (?:answer|choice|winner|verdict|one) is"
    r"|i(?: would)? (?:choose|prefer|pick|say|vote for|go with)|i think|it is|it s|this is|would be|is"
    r"|ist|est|es|是|:|-|–|—)"
    r"(?![a-z])[ ,]*)+",
    re.IGNORECASE,
)
_OR = re.compile(r"[ ]*(?:[/&|]|(?:or|and|oder|und|ou|et|y|o|и|или|和|或|と|와|vs)(?![a-z]))", re.IGNORECASE)
_MORE = re.compile(
    r"[ ]*(?:が|の方が|のほうが|은|는|이|가)?[ ]*(?:(?:is|was|seems|ist|est|es|è|is still)[ ]*)?"
    r"(?:clearly |much |slightly |far |marginally |strongly |even |also |a bit |a little |the |overall |更|より|더 )*"
    r"(?:better|best|superior|stronger|winner|right one|wins?|preferable|preferred(?! less)"
    r"|more (?:accurate|complete|precise|specific|correct|faithful|relevant|helpful|detailed)"
    r"|has the edge|edges out|beats|outperforms|besser|mejor|meilleure?|migliore|melhor|лучше|好|优|良い|좋다|낫다)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_RIGHT = re.compile(r"[ ]*(?:is|was) (?:right|correct)(?![a-z])(?!.*\b(?:also|too|both|well|so is)\b)", re.IGNORECASE)
_STANDS = re.compile(
    r"[ ]*(?:$|[^\w\s/|&]|(?:only|clearly|slightly|overall|barely|strongly|narrowly|marginally|over|because|since|as"
    r"|for|by|with|on|due to|given|thanks to|but|although|though|while|whereas|rather than|instead of|weil|porque|car"
    rf"|perché)(?![a-z])(?!(?: (?:good|well|bad) as))|(?:{_ANSWER}[ ]*)?[AB][ ]+[a-z])",
    re.IGNORECASE,
)
"""What may follow the letter of whom a statement prefers; any other words say what that answer is like, well or ill."""

_FAULT = re.compile(
    r"[ ]*[-–—:][ ]*(?:is |was )?(?:wrong|worse|incorrect|inaccurate|false|bad|weaker|inferior|loses|no better)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"[ ,]*(?:only )?(?:if|unless|when|where|or)\b", re.IGNORECASE)
_CLAUSES = re.compile(r"[^\w ]+")
_TURN = re.compile(
    r"[ ]*(?:(?:actually|no|wait|or|rather|i mean|sorry|correction|well|then|so|it is|instead|make that)[ ]+)*"
    rf"(?:{_ANSWER}[ ]*)?(?P<turned>[AB])(?: (?:instead|otherwise|then))?[ ]*",
    re.IGNORECASE,
)
_TIE = re.compile(
    r"(?:(?:the|these|two|both|answers?|responses?|they|are|is|it|s|a|an|complete|perfect|essentially"
    r"|roughly|about|equally|almost|exactly|effectively|basically|clear|there|die|le|la|los|es|ist)[ ]+)*"
    r"(?:tied?|draw|equal(?:ly)?|even|(?:neither|both)(?=[ ]*(?:[(,;.]|$))|both right|both wrong"
    r"|neither(?: answer| one| of them)?(?: is)?"
    r"(?: clearly| really)? (?:better|right|correct|wins)|(?:the )?same|no (?:clear )?(?:winner"
    r"|difference|preference)|equivalent"
    r"|unentschieden|gleichstand|gleich gut|empate|égalité|ex æquo|match nul|pareggio|parità|ничья"
    r"|平局|平手|引き分け|同点|무승부|gelijkspel|remis|berabere|تعادل|बराबर)(?![a-z])",
    re.IGNORECASE,
)
_BOTH = re.compile(
    rf"(?:(?:both|neither|none)(?:[ ]+of (?:them|the two|these))?(?:[ ]+(?:{_ANSWER}s?|[ab12]|and|nor))*"
    r"|(?:answers? |responses? )?a (?:and|&) (?:answer |response )?b(?= \w))"
    r"(?:[ ]+(?:are|is))?(?:[ ]+(?:equally|tied?|equivalent|equal|even|the same|right|wrong|correct|incorrect|good|bad"
    r"|fine|better|alike|as good))*"
    r"|a (?:ties|is tied|equals|is as good as|is equal to|is equivalent to)(?: with)? b"
    r"|beide(?: antworten)?(?: sind)?(?: gleich)?(?: gut| richtig| falsch| schlecht)?|keine(?: von beiden| ist besser)?"
    r"|(?:toutes )?les deux|aucune(?: des deux)?|amb[ao]s(?: son iguales)?|ningun[ao](?: de las dos| es mejor)?"
    r"|entramb[ei]|nessun[ao](?: delle due)?|обе|оба|ни одна|ни один|两者(?:相同|都对|都错|一样好?)|都(?:好|不好|对|错)"
    r"|どちらも(?:同じ|正しい|間違い)|どちらでもない|둘 다(?: 아님| 같음)?",
    re.IGNORECASE,
)
"""Ties that are ones only where nothing follows: ``both are right`` may go on to say which is more so."""

_AFTER_TIE = re.compile(
    r"[ ]*(?:$|[^\w\s/|&]|(?:since|because|as|in|between|good|bad|wrong|right|correct|valid|answers?|here|overall"
    r"|for|on|with|both)(?![a-z]))",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    rf"(?:{_ANSWER}[ ]*)?([AB])[ ]*(>+|<+|=+|≈|≻)[ ]*(?:{_ANSWER}[ ]*)?([AB])(?![a-z0-9])", re.IGNORECASE
)
_MERITS = re.compile(r"(?:both|neither)\b.*\bbut\b", re.IGNORECASE)
_DOUBT = re.compile(r"\b(?:if|whether|not|never|hardly|unless|were|would|could|might|cannot|wenn|si)\b", re.IGNORECASE)

_NOT = re.compile(
    r"\b(?:not|no|none|nothing|never|nowhere|neither|hardly|scarcely|insufficient(?:ly)?|inadequately|without"
    r"|lack(?:s|ing)?|fails?|nicht|kaum|keineswegs|kein\w{0,2}|non|pas|нет|не|sin)(?![a-z])"
    r"|\bun(?=supp)|不|没有|未|无法|無法|ない|なし|않|안 "
)
_PART = re.compile(
    r"\b(?:partially|partly|partial|only|mostly|somewhat|half|almost|nearly|weakly|poorly|barely"
    r"|(?:in|for the most|the most) part"
    r"|teilweise|en partie|partiellement|parcialmente|parzialmente|частично)\b|部分|一部|부분"
)
_SAYS_SO = re.compile(
    r"\b(?:the|this|a|an|of|it|its|all|claim|statement|assertion|passages?|text|document|source|sources|provided|given"
    r"|verdict|is|are|was|were|does|do|did|to|be|been|can|and|indeed|fully|entirely|completely|wholly|well|clearly"
    r"|directly|explicitly|implicitly|indirectly|strongly|adequately|sufficiently|any|at|claims|n|s|[0-9]+(?![ ]*%)"
    r"|die|der|das|aussage|behauptung|ist|wird|werden|durch|passage|klar|voll|vollständig|la|le|les|l|affirmation"
    r"|est|sont|bien|el|los|afirmación|está|es|è|affermazione|утверждение|полностью|que)\b"
    r"|[该該这這此]|论断|主张|主張|陈述|说法|被|得到|是|完全|は|が|주장은|주장이"
)
"""Words before ``supported`` that leave its meaning alone; with any other (``possibly``, ``would be``) nobody knows."""

_SUPPORT = re.compile(
    r"(?:un)?support(?:ed|s|ing)?(?![a-z])|(?:unter|ge)stützt|belegt|soutenue?|étayée?|respaldad[oa]"
    r"|apoyad[oa]|sostenut[oa]"
    r"|suportad[oa]|подтвержд\w+|支持|裏付け\w*|지지"
)
_AFTER_SUPPORT = re.compile(
    r"\W*(?:$|(?:by|in|the|this|it|at|on|only|with|from|for|passages?|る|れ\w*|하\w*|되\w*|됨))(?![a-z])"
)
_DOUBTED = re.compile(r"\b(?:if|unless|contradict\w*|refuted?|reservations?|essence|spirit|question)\b")
_AGAINST = re.compile(r"(?:is |are )?(?:contradicted|refuted|false claim)(?![a-z])")
_HEDGE = re.compile(r"\b(?:but|except|however|although|though|or|aber|mais|pero|но)\b|/")


def pair_verdict(answer: str, *, cut: bool = False) -> str | None:
    """Return which of two answers a judge prefers: ``a``, ``b`` or ``tie``; ``None`` if it cannot be read.

    Args:
        answer: As it came.
        cut: Whether the limit of output ended it.
    """
    return _read(answer, _preferred, cut=cut)


def claim_verdict(answer: str, *, cut: bool = False) -> str | None:
    """Return whether a judge finds a claim ``supported`` or ``not supported``; ``None`` if it cannot be read.

    What is supported in part is not supported: everything that a claim says must follow.
    """
    return _read(answer, _held, cut=cut)


def decided(completion: Completion, read: Reader) -> tuple[str, str]:
    """Return a verdict, or an empty one and why there is none: how the call ended, or that nobody can read it.

    What a judge that refuses says besides is no verdict.
    """
    if not completion.outcome.answered or completion.outcome is Outcome.REFUSED:
        return "", completion.outcome.value
    said = read(completion, cut=completion.outcome is Outcome.CUT_BY_OUTPUT_LIMIT)
    return (said, "") if said else ("", "unreadable verdict")


def _read(answer: str, meaning: Meaning, *, cut: bool) -> str | None:
    text = unicodedata.normalize("NFKC", spoken(answer)).strip()
    told = _keyed(text)
    if told is not None:
        return meaning(_plain(told))
    text = _plain(text)
    if cut:
        text = re.sub(rf"(?:[ \t]*[^\s]+){{0,{_HALF}}}$", "", text)
    lines = [line.strip() for line in text.splitlines() if line.strip(" >-|:")]
    if not lines:
        return None
    stated = list(_statements(text))
    if stated:
        last = [meaning(phrase) for line, phrase in stated if line == stated[-1][0]]
        return last[-1] if len(set(last)) == 1 else None
    bare = [line.lstrip("> -|") for line in (lines[0], lines[-1]) if _bare(line)]
    found = {meant for line in bare if (meant := meaning(line)) is not None}
    if not found and meaning is _preferred:
        found = set(_claimed(text))
    return found.pop() if len(found) == 1 else None


def _bare(line: str) -> bool:
    """Return whether a line without a label may say nothing but a verdict, as far as its form shows."""
    return len(line.split()) <= _SHORT and not re.search(r":(?:\s|$)", line)


def _plain(text: str) -> str:
    """Return a text without marks of form, its apostrophes as blanks."""
    text = _TAG.sub(r" \1: ", text)
    text = _CYRILLIC.sub(
        lambda letter: "A" if letter[0] == "А" else "B", _WRAPPING.sub(" ", _NEGATION.sub(" not", text))
    )
    return re.sub(r"[ \t]+", " ", text)


def _keyed(text: str) -> str | None:
    """Return what stands under a verdict's key in an answer that is, or ends with, an object of JSON."""
    start, end = text.find("{"), text.rfind("}")
    try:
        found: Any = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    values = [value for key, value in found.items() if key.lower().replace(" ", "_") in _KEYS]
    if len(values) != 1:
        return None
    return values[0] if isinstance(values[0], str) else ""


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield what stands behind each label, with the number of its line; questions state nothing."""
    found = list(_STATED.finditer(text))
    for match, following in zip_longest(found, found[1:]):
        phrase = text[match.end() : following.start() if following else None].partition("\n")[0].strip()
        if (match["mark"] or _LETTER.match(phrase)) and not _QUESTION.match(phrase):
            yield text.count("\n", 0, match.end()), phrase


def _preferred(phrase: str) -> str | None:
    """Return what a statement about two answers means."""
    phrase = phrase.strip(" ,.>|-")
    if phrase in {"a", "b"}:
        return phrase
    opening = _OPENING.match(phrase)
    phrase = phrase[opening.end() if opening else 0 :].strip()
    if match := _COMPARED.match(phrase):
        one, sign, other = match[1].lower(), match[2][0], match[3].lower()
        return None if one == other else "tie" if sign in "=≈" else other if sign == "<" else one
    if _BOTH.fullmatch(phrase):
        return "tie"
    claimed = set(_claimed(phrase))
    if _MERITS.match(phrase):
        return claimed.pop() if len(claimed) == 1 else None
    if (match := _TIE.match(phrase)) and _AFTER_TIE.match(phrase, match.end()):
        return None if claimed or re.search(r"\bbut\b", phrase) else "tie"
    return _lettered(phrase)


def _lettered(phrase: str) -> str | None:
    """Return the letter with which a statement begins, if it is not taken back."""
    match = _LETTER.match(phrase)
    if match is None or match["bare"] in {"a", "b"}:
        return None
    rest, letter = phrase[match.end() :], _letter(match)
    if _OR.match(rest) or _FAULT.match(rest) or not _preferring(rest):
        return None
    turned = (clause["turned"] for part in _CLAUSES.split(rest) if (clause := _TURN.fullmatch(part)))
    return letter if {*_claimed(rest), *(one.lower() for one in turned if one.isupper())} <= {letter} else None


def _preferring(rest: str) -> bool:
    """Return whether what follows a letter prefers it: nothing, a reason, or that it is better, on no condition."""
    said = _MORE.match(rest) or _RIGHT.match(rest)
    return not _CONDITION.match(rest, said.end() if said else 0) and bool(said or _STANDS.match(rest))


def _letter(match: re.Match[str]) -> str:
    word = (match["named"] or match["bare"] or match["told"]).lower()
    return _LETTERS.get(word, word)


def _claimed(text: str) -> Iterator[str]:
    """Yield who is said to be better, wherever a sentence says so without a doubt."""
    for sentence in _SENTENCE.split(text):
        for match in _LETTER.finditer(sentence):
            better = _MORE.match(sentence, match.end())
            if better and match["bare"] not in {"a", "b"} and not _DOUBT.search(sentence, 0, match.start()):
                yield _letter(match)


def _held(phrase: str) -> str | None:
    """Return what a statement about a claim means."""
    said = phrase.strip(" ,.>|-").lower()
    first = re.match(r"(yes|no)[ ]*(?:[,.:;!]+|$)", phrase.strip().lower())
    if first and not _SUPPORT.search(said):
        return _agreed(first[1], said[first.end() :])
    if first:
        said = said[first.end() :]
    sentence = re.split(r"[.。](?:\s|$)", said, maxsplit=1)[0]
    head, *more = re.split(r"[;,(—\n]|[ ]-[ ]", sentence, maxsplit=1)
    found = _SUPPORT.search(head)
    if found is None:
        return "not supported" if _AGAINST.match(head) else None
    if _HEDGE.search(said):
        return None
    meant = _counted(head[: found.end()], head[found.end() :])
    if meant == "supported" and more and (_NOT.search(more[0]) or _PART.search(more[0]) or _DOUBTED.search(more[0])):
        return None
    return None if first and meant != ("supported" if first[1] == "yes" else "not supported") else meant


def _agreed(first: str, reason: str) -> str | None:
    """Return what yes or no means, with what is said for it."""
    if _HEDGE.search(reason) or (first == "no" and _DOUBTED.search(reason)):
        return None
    doubt = _PART.match(reason.strip()) or re.match(r"(?:if|unless|when)\b", reason.strip())
    return None if doubt else "supported" if first == "yes" else "not supported"


def _counted(before: str, after: str) -> str | None:
    """Return what ``supported`` means by the words on both sides of it; ``None`` where one of them is not known."""
    if not _AFTER_SUPPORT.match(after) or _DOUBTED.search(after):
        return None
    left = _SAYS_SO.sub("", _PART.sub("", _NOT.sub("", _SUPPORT.sub("", before))))
    if re.search(r"\w", left):
        return None
    both = f"{before}|{after}"
    nots = len(_NOT.findall(both)) or (1 if _PART.search(both) else 0)
    return {0: "supported", 1: "not supported"}.get(nots)
