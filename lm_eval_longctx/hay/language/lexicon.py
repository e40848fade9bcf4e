"""The English side: words with their forms, and the one English sentence of a meaning."""

from __future__ import annotations

from lm_eval_longctx.hay.language.meaning import Clause, Noun, Phrase, Pronoun, Stock

BEINGS = """
man/men woman/women child/children girl/girls boy/boys hunter/hunters farmer/farmers teacher/teachers king/kings
queen/queens doctor/doctors baker/bakers sailor/sailors soldier/soldiers singer/singers weaver/weavers potter/potters
smith/smiths guest/guests neighbour/neighbours stranger/strangers thief/thieves judge/judges widow/widows
brother/brothers sister/sisters mother/mothers father/fathers son/sons daughter/daughters friend/friends
grandmother/grandmothers uncle/uncles dog/dogs cat/cats horse/horses cow/cows goat/goats pig/pigs bird/birds
snake/snakes wolf/wolves bear/bears fox/foxes mouse/mice owl/owls eagle/eagles frog/frogs hen/hens lion/lions
monkey/monkeys crow/crows otter/otters turtle/turtles
"""

THINGS = """
bread/breads knife/knives basket/baskets rope/ropes hat/hats coat/coats shoe/shoes ring/rings cup/cups bowl/bowls
pot/pots lamp/lamps candle/candles book/books letter/letters drum/drums flute/flutes boat/boats net/nets wheel/wheels
axe/axes hammer/hammers needle/needles mat/mats bed/beds door/doors key/keys box/boxes bag/bags stone/stones
flower/flowers apple/apples egg/eggs cake/cakes nut/nuts root/roots leaf/leaves feather/feathers shell/shells
bone/bones mirror/mirrors blanket/blankets spear/spears ladder/ladders arrow/arrows bottle/bottles song/songs
story/stories picture/pictures fence/fences
"""

PLACES = """
house/houses village/villages river/rivers forest/forests garden/gardens field/fields market/markets mountain/mountains
lake/lakes island/islands road/roads bridge/bridges tower/towers cave/caves valley/valleys harbour/harbours
kitchen/kitchens school/schools temple/temples mill/mills stable/stables desert/deserts shore/shores meadow/meadows
"""

ADJECTIVES = """
old young big small good bad black white red green long short heavy light rich poor strong weak clever foolish quiet
loud warm cold wet dry new broken clean dirty happy sad brave lazy hungry thirsty
"""

TRANSITIVE = """
see/sees/saw find/finds/found carry/carries/carried follow/follows/followed help/helps/helped know/knows/knew
love/loves/loved hear/hears/heard bring/brings/brought take/takes/took buy/buys/bought sell/sells/sold
hide/hides/hid wash/washes/washed paint/paints/painted want/wants/wanted fear/fears/feared forget/forgets/forgot
remember/remembers/remembered lose/loses/lost hold/holds/held push/pushes/pushed pull/pulls/pulled
touch/touches/touched call/calls/called meet/meets/met catch/catches/caught draw/draws/drew praise/praises/praised
guard/guards/guarded steal/steals/stole count/counts/counted keep/keeps/kept choose/chooses/chose
"""

INTRANSITIVE = """
sleep/sleeps/slept sing/sings/sang dance/dances/danced run/runs/ran walk/walks/walked swim/swims/swam
laugh/laughs/laughed
cry/cries/cried wait/waits/waited work/works/worked fall/falls/fell sit/sits/sat stand/stands/stood rest/rests/rested
speak/speaks/spoke dream/dreams/dreamt shout/shouts/shouted
"""

SUBJECT = {"1sg": "I", "2sg": "you", "1pl": "we", "3pl": "they"}
OBJECT = {"1sg": "me", "2sg": "you", "1pl": "us", "3pl": "them"}
OWNER = {"1sg": "my", "2sg": "your", "1pl": "our", "3pl": "their"}


def _nouns(text: str) -> dict[str, str]:
    return dict(pair.split("/") for pair in text.split())


def _verbs(text: str) -> dict[str, tuple[str, str]]:
    return {plain: (third, past) for plain, third, past in (forms.split("/") for forms in text.split())}


PLURALS = {**_nouns(BEINGS), **_nouns(THINGS), **_nouns(PLACES)}
VERBS = {**_verbs(TRANSITIVE), **_verbs(INTRANSITIVE)}
STOCK = Stock(
    beings=tuple(_nouns(BEINGS)),
    things=tuple(_nouns(THINGS)),
    places=tuple(_nouns(PLACES)),
    adjectives=tuple(ADJECTIVES.split()),
    transitive=tuple(_verbs(TRANSITIVE)),
    intransitive=tuple(_verbs(INTRANSITIVE)),
)


def english(clause: Clause) -> str:
    """Return the one English sentence of a meaning."""
    verb = _question(clause) if clause.question else f"{_phrase(clause.subject, SUBJECT)} {_verb(clause)}"
    parts = [verb]
    if clause.object is not None:
        parts.append(_phrase(clause.object, OBJECT))
    if clause.place is not None:
        parts.append(f"in {_phrase(clause.place, OBJECT)}")
    told = " ".join(parts) + ("?" if clause.question else ".")
    return told[0].upper() + told[1:]


def _verb(clause: Clause) -> str:
    """Return the verb with its tense, person and denial."""
    third, past = VERBS[clause.verb]
    if clause.tense == "future":
        return f"will {'not ' if clause.negative else ''}{clause.verb}"
    if clause.negative:
        return f"{_do(clause)} not {clause.verb}"
    if clause.tense == "past":
        return past
    return third if clause.person == "3sg" else clause.verb


def _do(clause: Clause) -> str:
    return "did" if clause.tense == "past" else "does" if clause.person == "3sg" else "do"


def _question(clause: Clause) -> str:
    first = "will" if clause.tense == "future" else _do(clause)
    return f"{first} {_phrase(clause.subject, SUBJECT)} {'not ' if clause.negative else ''}{clause.verb}"


def _phrase(phrase: Phrase, pronouns: dict[str, str]) -> str:
    if isinstance(phrase, Pronoun):
        return pronouns[phrase.person]
    noun = PLURALS[phrase.word] if phrase.plural else phrase.word
    described = f"{phrase.adjective} {noun}".strip()
    if isinstance(phrase.owner, Noun):
        return f"the {phrase.owner.word}'s {described}"
    return f"{OWNER[phrase.owner.person] if phrase.owner else 'the'} {described}"
