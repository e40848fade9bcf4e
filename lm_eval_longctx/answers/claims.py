"""What an answer claims: which of the things that it names it says are right.

A thing that is named is not yet claimed: *It is not X*, *anything but X*, *X is
the distractor's* name X and claim something else. *X or Y* claims neither. What
is copied from the question, a question, or a long stretch of text with the
thing somewhere inside claims nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lm_eval_longctx.answers.matching import Mention

LONG = 120
"""Words that one line of an answer may have; a thing somewhere inside of more is not an answer."""

_NO = (
    r"not|never|no|nor|neither|cannot|isn't|wasn't|aren't|doesn't|don't|didn't|couldn't|can't|won't|hasn't|(?:any|every)thing but|all but|rather than"
    r"|instead of|other than|except(?: for)?|excluding|unlike|without|wrong|incorrect|incorrectly|false|falsely|rule out|ruled out"
    r"|exclude|excludes|distractors?|decoys?|ignore|ignoring|different from|not to be confused with|confused with|as opposed to|far from"
    r"|no es|nunca|en vez de|salvo|sino que no|pas|jamais|au lieu de|sauf|nicht|kein|keine|niemals|statt|anstatt|außer|ausser|falsch"
    r"|não|nao|nunca|exceto|non|mai|invece di|tranne|не|никогда|кроме|вместо|нет|ليس|ليست|لا|नहीं|niet|geen|nie|inte|ikke|bukan|không phải"
    r"|(?:at first|first|initially|originally),? i (?:thought|read|believed|guessed|assumed|said|wrote)"
    r"|i (?:first|initially|originally|had) (?:thought|read|believed|guessed|assumed|said|written|wrote)"
)
_BEFORE = re.compile(
    rf"(?<![\w'\u0900-\u0d7f])(?:{_NO})(?![\w'])|不是|并非|並非|不等于|而非|除了|不选|不選|[❌✗✘🚫][\s*_\"']{{0,3}}$"
)
_AFTER = re.compile(
    r"^[^\w,;(]{0,4}(?:not|never)\b(?=\W*$|\W*[\n.!]| (?:it|the (?:answer|one|right|correct)|correct|right|valid|true|found|there|given|in the)\b)"
    r"|^\s?[❌✗✘🚫]|^\W{0,3}değil|^\W{0,4}(?:ではなく|じゃなく)|^\W{0,4}(?:(?:is|was|are|would be|must be|seems?|looks) (?:clearly |definitely |certainly |surely )?(?:not|never)\b)"
    r"|^\W{0,4}(?:(?:is|was|are|would be|must be|seems?|looks|being|which is|that is|it is|it's|as)\s+)?(?:(?:clearly|definitely|certainly|"
    r"surely|probably|of course|obviously|just|only|simply|an?|the|what|all|in fact|actually)\s+)*"
    r"(?:wrong|incorrect|false|untrue|(?:the |a )?(?:distractor|decoy|trap|red herring|lure)|ruled out|excluded|no longer"
    r"|out of the question|impossible|mistaken|invalid|eliminated|unlikely|nicht|falsch|pas\b|incorrecto|incorrecta|errado|sbagliat|faux|неверн|неправильн)"
    r"|^\W{0,4}(?:isn't|wasn't|can't be|cannot be|couldn't be|won't|doesn't|does not|did not|n'est pas|no es|não é|non è|ist nicht|ist falsch|не\b|—\s*не\b)"
    r"|^\W{0,4}(?:不是|是错|是錯|错误|錯誤|ではありません|ではない|じゃない|は間違|は誤|[이가은는]? ?아[니닙닌]|नहीं|ليس|خطأ)"
)
_OR = r"or|and/or|oder|ou|ya|или|або|eller|czy|veya|hoặc|atau|أو|या|vel"
_OR_AFTER = re.compile(
    rf"^[\s\"'*_)\].,]{{0,4}}(?:{_OR})(?!\w)|^\s?(?:或|还是|還是|または|もしくは|あるいは|또는|혹은|나\s)"
)
_OR_BEFORE = re.compile(
    rf"(?:(?<![^\s\"'(\[,;])(?:{_OR})[\s\"'*_(\[]{{1,4}}|(?:或者?|还是|還是|または|もしくは|あるいは|또는|혹은)\s?)$"
)
_DOUBLE = re.compile(
    r"\b(?:none|nothing|no one|nobody) (?:other than|but|else than)|\bno other than\b|\b(?:no|not|without|don't|never)(?: an?y?)? (?:shadow of a )?"
    r"(?:doubt\w*|problem|question|hesitation|trouble|hard|difficult|only|just|surprisingly|once)\b|\bwhy not\b|\bnot (?:only|just|merely)\b"
    r"|\bno\.(?= ?\w)|\bno (?=\d)|\bnot until\b|\b(?:is|was) not (?:hidden|obvious|easy|clear|far)\b|\bcan't be anything else than\b"
)
_CUT = re.compile(
    r"[!?\n。！？;؛।،、]+|,(?!\d)|:(?=\s)|\.(?=\s|$|[\"')])|(?<!anything)(?<!nothing)(?<!everything)(?<!\ball) (?:but|though|although|however|because|since|while|whereas|and it|so it|it is|it's"
    r"|pero|sino|sondern|mais|aber|jedoch|ma|mas|но|а)(?= )|而是|而应|ではなく|じゃなく|でなく、|(?<= )(?:بل|لكن|बल्कि|लेकिन|tylko|lecz|maar|melainkan|değil)(?= )| - "
)
_RETRACTS = re.compile(
    r"(?:^|[\s,.;:!?()])(?:oh,? |hmm,? )?(?:no,? wait|wait,? no|actually,? no|no,? actually|wait|actually|scratch that|correction|rather(?! than)|on second thoughts?|on reflection|hold on|oops"
    r"|(?:i|i've|i have) (?:made|make) (?:a|an|one) (?:\w+ )?(?:mistake|error)|my mistake|i was wrong|(?:that|this)(?:'s| is| was) (?:wrong|not right|incorrect|a mistake)"
    r"|i (?:miscounted|misread|misspoke)|let me (?:re-?(?:check|count|consider|read|think|do|examine)|correct|try again)\b[^.,:;!\n]{0,30}"
    r"|sorry,? i mean[t]?|i mean[t]?|let me correct (?:that|myself|it)|no,? sorry|nein|no,? perd[oó]n|perd[oó]n|non,? pardon|pardon,? non"
    r"|нет,? подождите|вернее)\s?[,.:;—-]*\s+|[,.;—-] no, |(?:^|[\s，。、,])(?:不对|不，等等|更正|いや、?|訂正|아니,? )[，、：:]?\s?"
)
"""Words with which somebody takes back what stands before them."""

_HEADING = re.compile(
    r"\b(incorrect|wrong|false|not|distractors?|decoys?|excluded|falsch|incorrecto|faux)(?: \w+)?:\s*(?=[^\n]{0,40}$)"
)
_QUESTION = re.compile(r"^[^.!\n。！？]*[?？]")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_CONDITION = re.compile(r"\b(?:if|whether|unless)\b[^,.;:!?\n]*$")

_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|consequently|in conclusion|conclusion|overall|finally|in the end|which means)\b|所以|因此|よって|따라서"
)

_SHORT = 500
"""Characters before a lone end of the context that may be an answer; a copied context is longer."""


def claimed(text: str, mentions: Iterable[Mention], right: Iterable[str] = ()) -> list[str]:
    """Return the values that a normalised text claims, in order, each once.

    Args:
        text: The answer, normalised.
        mentions: Where values stand in it.
        right: Values of which one must not stand in an alternative to count.
    """
    found = [m for m in mentions if not denied(text, m)]
    alternatives = {m.value for m in found} | set(right)
    hedged = {m.value for m in found if hedges(text, m, alternatives)}
    values = list(dict.fromkeys(m.value for m in found))
    return [*values, *(f"or {value}" for value in values if value in hedged)]


def denied(text: str, mention: Mention) -> bool:
    """Whether a thing is named only to say that it is not it, or in a question."""
    before, after = text[max(0, mention.start - 200) : mention.start], text[mention.end : mention.end + 80]
    before = _DOUBLE.sub(" ", before)
    before = _HEADING.sub(r"\1 ", before)
    clause = _CUT.split(before)[-1]
    if _BEFORE.search(clause) or _CONDITION.search(before):
        return True
    return _AFTER.match(after) is not None or _QUESTION.match(after) is not None


def corrected(text: str, places: Sequence[int]) -> str:
    """Return what follows the last correction ("X, no wait, Y") after which something stands that was asked for.

    Args:
        text: A normalised answer.
        places: Where such things stand in it, in order.
    """
    if not places:
        return text
    cuts = [mark.end() for mark in _RETRACTS.finditer(text) if places[0] < mark.end() <= places[-1]]
    return text[cuts[-1] :] if cuts else text


def takes_back(text: str) -> bool:
    """Whether a text begins by taking back what stood before it."""
    return taken_back(text) != text.strip()


def taken_back(text: str) -> str:
    """Return a text without the words at its beginning that take back what stood before it."""
    bare = text.strip()
    mark = _RETRACTS.match(bare.casefold()) if len(bare.casefold()) == len(bare) else None
    return bare[mark.end() :] if mark else bare


def retracts(text: str) -> bool:
    """Whether a text takes something back anywhere."""
    return _RETRACTS.search(f"{text.casefold()} ") is not None


def hedges(text: str, mention: Mention, values: Iterable[str]) -> bool:
    """Whether a thing is one of two that are offered (*X or Y*); *X or so* and *X, or X* are none."""
    before, after = text[max(0, mention.start - 30) : mention.start], text[mention.end : mention.end + 60]
    follows = _OR_AFTER.match(after)
    if follows:
        rest = after[follows.end() :].strip(" \"'*_([,")
        return not rest.startswith(("so ", "so.", "thereabouts", "in other words", "in short", *values)) and bool(rest)
    return _OR_BEFORE.search(before) is not None and not any(value in before for value in values)


def without_echo(text: str, question: str) -> str:
    """Return a normalised answer without what it copies: the context, the question, its sentences."""
    place = text.rfind("</context>")
    copied = "<context>" in text or text.find("</context>") > _SHORT
    # A short text before a lone mark is an answer, by a model that goes on with the prompt's form.
    text = text[place + len("</context>") :] if place >= 0 and copied else text.replace("</context>", "\n")
    asked = " ".join(question.split())
    if len(asked) < 12:
        return text
    flat = " ".join(text.split(" "))
    place = flat.rfind(asked)
    if place >= 0:
        flat = flat[place + len(asked) :]
    known = {words(part) for part in _SENTENCE.split(asked)}
    kept = [part for line in flat.split("\n") for part in _kept(line, known)]
    return "\n".join(kept)


def _kept(line: str, known: set[str]) -> list[str]:
    parts = [part for part in _SENTENCE.split(line) if words(part) not in known]
    return [" ".join(parts)] if parts else []


def words(text: str) -> str:
    """Return the bare words of a text."""
    return " ".join(re.findall(r"\w+", text))


def short_lines(text: str) -> str:
    """Return the lines that are short enough to be an answer."""
    return "\n".join(line for line in text.split("\n") if line.count(" ") < LONG)


def listed(text: str, value: str) -> bool:
    """Whether a bare list names a value and others of its make: as many words, and nothing but them."""
    items = [item for part in re.split(r"[,;/|\n]|\b(?:and|or)\b", text) if (item := part.strip(" .\"'*_()[]-\t"))]
    made = _make(value)
    like = {item for item in items if _make(item) == made}
    return value in {words(item) for item in like} and len({words(item) for item in like}) > 1


_SMALL_WORDS = frozenset("a an the is it of in to for not no this that i here my as be on at".split())


def _make(text: str) -> tuple[int, bool]:
    parts = re.findall(r"\w+", text)
    return (len(parts), not _SMALL_WORDS.isdisjoint(parts))


def alone(lines: Sequence[str], bare: Sequence[bool], *, first: bool = True) -> str | None:
    """Return the line that alone is bare, if it is the last: reasoning, and then the answer; or the first.

    Args:
        lines: What an answer says.
        bare: Which of these lines are nothing but a thing that was asked for.
        first: Whether an answer may come before its reasons; not where each line was marked as final.
    """
    if len(lines) <= 1 or sum(bare) != 1:
        return None
    return lines[-1] if bare[-1] else lines[0] if bare[0] and first else None


def concluded(lines: Sequence[str]) -> str | None:
    """Return the last sentence of a normalised answer if it says that it concludes, and something stands before it."""
    last = _SENTENCE.split(lines[-1])[-1] if lines else ""
    return last if _CONCLUDES.search(last) and (len(lines) > 1 or last != lines[0]) else None
