"""Abstention: an answer that says that it cannot be told, in the languages that models answer in."""

from __future__ import annotations

import re

_THING = (
    r"(?:numbers?|words?|keywords?|values?|uuids?|codes?|keys?|needles?|answers?|secrets?|entry|entries|one|"
    r"colou?rs?|shapes?|objects?|data|text)"
)
_SEEN = (
    r"(?:mention|stat(?:e|ed|es|ing)\b|contain|includ|provid|specif|appear|present|find|found|giv|list|exist|reveal"
    r"|record|nam(?:e|ed|es)\b|locat|determin|know|say|said|tell|told|hidden|anywhere|there\b|in (?:the|this|it)|availab|disclos|identif"
    r"|indicat|see\b|seen|transcri|listen|hear\b|process|access|answer|shown?\b|sure|certain|clear|possible|able|have|recall|remember|refer|describ|able)\w*"
)
_NOT = (
    r"(?:not|never|cannot|can't|couldn't|doesn't|isn't|wasn't|don't|didn't|aren't|weren't|hasn't|haven't|won't"
    r"|unable to|fail(?:s|ed)? to)"
)
_ENGLISH = (
    rf"\b{_NOT}\b(?! only\b)[^.!?\n]{{0,60}}?\b{_SEEN}",
    rf"\bno (?:such|mention|information|record|trace|reference|indication|details?|idea|clue|evidence|{_THING})\b",
    rf"\bno (?:[\w'-]+ ){{1,4}}{_THING}\b",
    r"\bthere (?:is|was|are|were) (?:no|none|nothing|not)\b(?! (?:doubt|question|problem))",
    r"\b(?:there|it) (?:isn't|wasn't|aren't)\b",
    r"\bnowhere\b",
    (
        r"^\W*(?:the |it is |it's |answer: |are )*(?:none|nothing|unknown|absent|missing|unavailable|n/?a|null|nil|no|nope"
        r"|unspecified|undisclosed|undefined|unanswerable|unclear|undetermined|unsure|not|idk|dunno|nan|empty|blank)"
        r"(?: (?:at all|here|given|of them|found|whatsoever|there|so far))*\W*$"
    ),
    r"\b(?:is|are|was|were|remains|seems) (?:absent|missing|unknown|unavailable|unspecified|undisclosed|unclear|undetermined)\b",
    r"\bnone (?:of|for|is|are|was|were|in|exists?)\b|\bnone\W*$",
    r"\bnothing (?:in|about|is|on|of|like|was|here)\b|\b(?:see|find|found|saw) nothing\b",
    r"\bwithout (?:any )?(?:mention|reference)",
    r"\bsilent (?:on|about|as to)\b",
    r"\b(?:impossible|hard) to (?:say|tell|know|determine)\b|\bno way (?:to|of) (?:say|tell|know|find|determin)\w*",
    r"\b(?:insufficient|not enough|too little|inadequate|limited) (?:\w+ ){0,2}(?:information|context|data|evidence|details?)\b",
    r"\b(?:lacks?|omits?|does without) (?:the|this|that|any|such)\b",
    r"\bi (?:am|'m) (?:unsure|uncertain)\b|\bi'm unsure\b",
    r"\bnot (?:told|given|mentioned|there|here|sure|known|specified|stated|provided|present|applicable|available)\b",
)
_OTHERS = (
    # Spanish, Portuguese, Italian, French
    (
        r"\bno (?:se|lo|la|le|hay|existe|est[áa]|aparece|figura|consta|menciona|contiene|dice|especifica|proporciona|indica"
        r"|s[eé]|puedo|encontr\w+|disponible|mencionad[oa]|especificad[oa]|s[ée] sabe|tengo|da|ha sido)\b"
    ),
    r"\bdesconocid[oa]|\bdesconhecid[oa]|\bsconosciut[oa]|\bningun[oa]?\b|\bning[uú]n\b|\bnenhum|\bnessun|\baucune?\b",
    (
        r"\bn[aã]o (?:h[aá]|é|foi|est[aá]|existe|sei|consta|aparece|mencion\w+|inform\w+|especific\w+|encontr\w+|posso|diz"
        r"|se|tenho|cont[eé]m|fornec\w+|d[aá])\b"
    ),
    (
        r"\bnon (?:è|viene|c'è|ci|lo|so|si|esiste|specificat\w+|menzionat\w+|trovat\w+|presente|disponibile|dice|menziona"
        r"|posso|ho|viene|contiene|indica\w*|fornisce)\b"
    ),
    (
        r"\b(?:n'|ne )(?:\w+ ){0,3}?(?:\w+ )?(?:pas|aucune?|rien|jamais)\b|\bpas (?:mentionn|trouv|indiqu|pr[ée]cis|disponible|donn|de )"
        r"|\bintrouvable|\binconnue?\b|\bje ne (?:sais|trouve|vois|peux)"
    ),
    # German, Dutch, Swedish, Polish, Turkish, Indonesian, Vietnamese
    (
        r"\bnicht (?:\w+ ){0,3}?(?:erw[äa]hnt|angegeben|genannt|gefunden|vorhanden|enthalten|bekannt|verf[üu]gbar|gesagt|im|"
        r"finden|da|beantworten|sagen|spezifiziert|ersichtlich|aufgef[üu]hrt|bestimmt)|\bwei(?:ß|ss) (?:es |ich |ich es )*nicht"
        r"|\b(?:gibt|steht|enth[äa]lt|nennt|sagt) (?:\w+ ){0,4}?(?:keine?\w*|nicht)\b|\bunbekannt|\bkeine? (?:angabe|zahl|information|ahnung|antwort)"
    ),
    r"\bniet (?:\w+ ){0,2}?(?:vermeld|genoemd|gevonden|bekend|aanwezig|gegeven|in|te)|\bweet (?:het|ik) niet|\bgeen (?:idee|vermelding|getal|informatie)",
    r"\b(?:finns|vet|n[äa]mns|anges|st[åa]r) (?:det |ej|inte)+|\bej angiv|\bbrak\b|\bnieznan|\bnie (?:ma|wiem|podano|znaleziono|wspomniano|jest)\b",
    (
        r"\b(?:yok|bilmiyorum|bulunam\w+|bulunmuyor|belirtilmem\w+|bilinmiyor|ge[çc]miyor)\b|\btidak (?:ada|disebut\w*|ditemukan|diketahui|tahu|terdapat)\b"
        r"|\bkh[ôo]ng (?:có|được|tìm|biết|rõ|thấy)\b"
    ),
    # Russian, Ukrainian
    (
        r"(?<!\w)не (?:указан|упомян|упомина|найден|сказан|знаю|известн|говорит|содержит|могу|приводит|приведен|приведён|дан|"
        r"существует|вказан|згадан|знайден|обнаруж|назван)|(?<!\w)нет (?:информации|данных|такого|такой|ответа|числа|в|упоминани)"
        r"|^\W*(?:нет|немає)\W*$|неизвестн|отсутству|(?<!\w)немає|(?<!\w)нигде|нет ни|\bнет\W*$"
    ),
    # Chinese, Japanese, Korean
    r"没有|沒有|未(?:提及|提到|说明|說明|找到|给出|給出|指明|提供|知|见|包含|明确)|不知道|不存在|找不到|无法|無法|不清楚|不确定|^\W*(?:无|無)\W*$|并未|並未",
    r"ありません|見つかりません|(?:わか|分か|知)りません|不明|存在しません|(?:記載|言及|記述|書か|示さ)\w{0,8}(?:いません|ない|ありません)|なし\W*$|見当たりません",
    r"없습니다|없다|없음|없어요|모르겠|모릅니다|알 수 없|않습니다|않았|나와 있지 않|찾지 못",
    # Arabic, Persian, Hindi, Thai, Hebrew
    r"لا (?:يوجد|أعرف|أعلم|يذكر|توجد|يمكن|ي|ت|أ)|غير (?:مذكور|موجود|معروف|محدد|متوفر|متاح)|لم (?:يذكر|يرد|أجد|يتم|ت|ي)|ليس",
    r"ندارد|نمی\S*دانم|ذکر نشده|نیست|नहीं|अज्ञात|ไม่(?:มี|ทราบ|พบ|ได้|รู้|ปรากฏ)|אין |לא (?:יודע|צוין|מופיע|נמצא|מוזכר)",
)
_LONG = 1000
"""Characters in which one denial is looked for; a longer stretch without a stop is no sentence."""

_DENIAL = re.compile("|".join(f"(?:{pattern})" for pattern in (*_ENGLISH, *_OTHERS)))
_HARMLESS = re.compile(
    r"\b(?:no|without|not|beyond|don't|any) (?:a |any )?(?:doubt|problem|worries|question|trouble|wonder)\b"
    r"|\bno\.? ?\d|\bnot (?:only|just|merely|surprisingly)\b|\bnothing but\b|\bnone other than\b|\bwhy not\b|\bsay that it is not there\b"
)
_CONDITION = re.compile(
    r"^\W*(?:if|when|unless|wenn|falls|si|se|если|don't give|do not give|please)\b|^\W*如果|^\W*もし"
)
_NOT_A_VALUE = (
    r"(?!(?:not?|never|none|nothing|nowhere|absent|missing|unknown|unavailable|n/a|null|that|there|the|this|it|in|for|of"
    r"|a|an|also|any|neither|nor|un\w+|given|mentioned|stated|provided|listed|found|present|hidden|specified|here|what"
    r"|impossible|hard|silent|simply|just|still|only|from|never|empty|clear|possible|sorry)\b)"
)
_AFFIRMED = re.compile(
    rf"(?:\b{_THING}\b[^.!?\n]{{0,60}}?(?:\bis\b|\bwas\b|:|=)|\b(?:it|he|she|this|that|answer)(?:'s| is| was| must be| may be| might be))"
    rf"[\s\"'*_]*{_NOT_A_VALUE}[^\W_][\w-]*"
)
_GUESS = re.compile(
    r"\b(?:guess|probably|perhaps|maybe|likely|presumably|possibly|i think|i believe|i'd say|might be|may be|could be"
    r"|must be|best estimate|assume|suppose|tal vez|quiz[áa]s|peut-être|vielleicht|forse|talvez|возможно|наверное)\b|也许|可能是|たぶん|아마"
)
_CUT = re.compile(
    r"[!?\n。！？;؛।,:，、：]+|(?<!\bno)(?<!\bnr)(?<!\bmr)(?<!\bst)(?<!\bdr)(?<!\bvol)(?<!\bmrs)\.(?=\s|$|[\"')])"
    r"| (?:but|though|although|however|yet|except|pero|mais|aber|jedoch|ma|mas|но|однако|and|so|because|since|as|which) | - "
)
_FRAME = re.compile(
    r"^\W*(?:$|unfortunately|sorry|i'm sorry|i am sorry|i apologi[sz]e|based on|according to|in the|in this|after|from|regarding|for|as for|as to|having|with|within|sure|"
    r"certainly|here is|here's|here are|well|hmm|looking|i have|i've|i (?:read|searched|looked|checked|went)|the (?:question|answer|document|text|context)\b|answer|yes|okay|ok|to answer|honestly|"
    r"lo siento|seg[uú]n|d[ée]sol|selon|leider|laut|secondo|mi dispiace|согласно|к сожалению|в тексте|抱歉|对不起|根据|申し訳|죄송|عذرا|in (?:all|any)|there (?:is|are|were) \d|searching|dear|actually|alas|upon|hello|hi)\b"
    r"|^\W*(?:抱歉|对不起|根据|文中|申し訳|죄송)"
)


def clauses(text: str) -> list[str]:
    """Return the clauses of a normalised text, without empty ones."""
    return [part.strip() for part in _CUT.split(text) if any(c.isalnum() for c in part)]


def denies(text: str) -> bool:
    """Whether a normalised text says somewhere that something is not there or not known."""
    return any(_says_no(clause) for clause in clauses(text)) or _says_no(text.strip())


def _says_no(clause: str) -> bool:
    return (
        len(clause) < _LONG
        and _CONDITION.match(clause) is None
        and _DENIAL.search(_HARMLESS.sub(" ", clause)) is not None
    )


def affirms(text: str) -> bool:
    """Whether a normalised text says what the thing is (``the word is otter``), or guesses it."""
    return any(not _says_no(part) and (_AFFIRMED.search(part) or _GUESS.search(part)) for part in _sentences(text))


def _sentences(text: str) -> list[str]:
    whole = [part for part in re.split(r"[.!?\n;。！？]+(?=\s|$)", text) if part.strip()]
    return [half for part in whole for half in re.split(r",? (?:but|though|although|however|yet|,)", part)]


def _begins_with_no(parts: list[str]) -> bool:
    """Whether nothing but frames stands before the first denial; stops looking at the first other clause."""
    for part in parts:
        if _says_no(part):
            return True
        if not _FRAME.match(part):
            return False
    return False


def abstains(text: str) -> bool:
    """Whether abstaining is what a normalised answer does: it comes first, and no value comes after.

    Frames before it ("Unfortunately,", "In the text") do not count.
    """
    parts = clauses(text)
    if len(text) >= _LONG and not _begins_with_no(parts):
        return False
    first = next((n for n, part in enumerate(parts) if _says_no(part)), None)
    if first is None:
        return len(text) < _LONG and _says_no(text.strip()) and not affirms(text)
    led = all(_FRAME.match(part) or _says_no(part) for part in parts[:first])
    return led and not affirms("\n ".join(parts[first:]))
