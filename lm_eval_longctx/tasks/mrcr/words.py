"""What the writings are made of: topics, forms, styles and their sentences.

``{slot}`` is a value of the writing (``topic``, ``Topic``) or is drawn anew
from the list of that name in ``SLOTS`` each time it is met; ``{a:slot}`` adds
the article. Changing any list changes every conversation: raise ``VERSION`` in
``needle``.
"""

from __future__ import annotations


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


TOPICS = tuple(
    (
        "owls bridges clocks lanterns orchards ferries kettles maps comets beehives violins glaciers markets tunnels "
        "umbrellas windmills harbours chessboards mirrors mushrooms railways candles puddles libraries tortoises "
        "marbles staircases pigeons teapots volcanoes cellars scarves hedgehogs lighthouses postcards turnips "
        "telescopes accordions meadows sledges buttons herons bakeries ladders thunderstorms museums goats kites "
        "keyholes rivers pyramids walnuts snails signposts hammocks bicycles foxes pickles balloons archways "
        "sandcastles barometers typewriters icebergs"
    ).split()
)
FORMS = ("poem", "letter", "short story", "riddle", "diary entry", "speech", "news report", "set of instructions")
STYLES = ("formal", "plain", "cheerful", "gloomy", "old-fashioned", "urgent", "whimsical", "dry")

SLOTS: dict[str, tuple[str, ...]] = {
    "person": tuple(
        (
            "Abelard Adela Agathe Alaric Amrit Anselm Araminta Bartholomew Beatrix Benedikta Caspian Celestine Clovis "
            "Cornelia Dagmar Demetrius Dorothea Edmund Eleni Emeka Esperanza Eulalia Fabian Felicity Fergus Florian "
            "Gideon Griselda Gwendolyn Hanako Hedwig Horatio Ignatius Ileana Imelda Isidore Jemima Jocelyn Kasimir "
            "Kerensa Lavinia Leopold Ludmila Magnus Marguerite Matilda Mordecai Nadezhda Nehemiah Octavia Odysseus "
            "Ottoline Parvati Percival Philippa Quentin Rafaela Rosamund Rupert Salome Septimus Sigrid Solveig "
            "Tabitha Thaddeus Theodora Tobias Ursula Valentin Venetia Wilhelmina Winifred Xanthe Yusuf Zebedee Zuleika"
        ).split()
    ),
    "town": tuple(
        first + last
        for first in (
            "Al Bram Carn Dun Elm Fal Grim Hart Ivel Kes Lang Mor Nor Oak Pen Quar Ros Sel Thorn Ulver Wen Yarl"
        ).split()
        for last in "borough bridge combe dale fleet gate ham holm ley marsh minster mouth pool stead ton wick".split()
    ),
    "place": _lines("""
        old weir
        broken mill
        north gate
        fish quay
        chapel steps
        tannery yard
        upper meadow
        empty station
        stone circle
        toll house
        almshouse garden
        covered market
        salt road
        ropewalk
        reading room
        pear wall
        dry fountain
        customs shed
        drovers' inn
        allotments
        bell loft
        coal wharf
        infirmary roof
        duck pond
        glass factory
        quarry edge
        town pump
        winter stables
        observatory hill
        laundry court
    """),
    "thing": tuple(
        (
            "ledger basket spoon ribbon barrel whistle needle bucket hammer thimble compass blanket saucer trumpet "
            "satchel candlestick padlock inkwell mitten hourglass wheelbarrow tambourine envelope pincushion doorknob "
            "flagpole sieve tablecloth oar pepperpot slate bootlace bellows rudder birdcage corkscrew pendulum easel"
        ).split()
    ),
    "adj": tuple(
        (
            "crooked patient silver stubborn faded hollow restless borrowed polished drowsy narrow scarlet forgotten "
            "bitter nimble velvet rusty modest feverish luminous brittle tangled solemn damp gilded reckless faithful "
            "mossy hesitant enormous threadbare generous smoky invisible uneven fragrant startled weathered amber "
            "peculiar serene lopsided frugal crackling bashful tireless muffled peppery radiant wary"
        ).split()
    ),
    "trade": tuple(
        (
            "bakers cobblers surveyors glaziers ferrymen clerks weavers coopers midwives printers gardeners masons "
            "apothecaries tinkers bargemen schoolmasters grocers bellringers saddlers fishwives carters tailors "
            "lamplighters brewers thatchers bookbinders"
        ).split()
    ),
    "n": tuple(
        (
            "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty twenty-two twenty-six "
            "thirty-one thirty-four thirty-nine forty forty-three forty-seven fifty-two fifty-eight sixty-one "
            "sixty-six seventy seventy-four eighty-three eighty-eight ninety ninety-five"
        ).split()
    ),
    "when": _lines("""
        At daybreak
        On the second Monday
        After the harvest
        Just before supper
        In the coldest week
        On market day
        During the long eclipse
        Between two showers
        At the turn of the tide
        A little after noon
        On the eve of the fair
        While the bells were mended
        In the year without plums
        Late on Thursday
        Before the post arrived
        When the fog lifted
        On the last night of March
        As soon as the ice broke
        Halfway through the sermon
        By the light of one match
        Three days too early
        At a quarter past four
    """),
    "season": _lines("""
        spring
        summer
        autumn
        winter
        harvest time
        rainy season
        carnival week
        planting month
        herring season
        time of short days
    """),
    "did": _lines("""
        refused to apologise
        hummed the same tune for an hour
        sold a share in the tannery
        walked backwards to the inn
        learned the alphabet anew
        painted the shutters green
        lost a wager over herrings
        measured the square with string
        slept through the inspection
        burned the only copy
        bought a second hat
        wrote to the bishop
        promised to return with soup
        changed the locks twice
        forgot the name of the day
        counted the spoons aloud
        began to laugh without a reason
        asked for a lighter sentence
        kept bees from that day on
        moved to the coast
        set the table for nine
        hid the key under a pie
        taught the parrot Latin
        resigned from the choir
    """),
    "feel": _lines("""
        a quiet pride
        an itch to travel
        the taste of iron
        some small alarm
        a borrowed courage
        a longing for oranges
        nothing but relief
        an unreasonable joy
        a sort of seasickness
        the weight of advice
        a fresh suspicion
        the calm of a full larder
        a wish to be elsewhere
        more hope than was polite
    """),
}

GENERAL = _lines("""
    {when} {person} counted {n} {topic} near the {place} and wrote the number on {a:adj} {thing}.
    Nobody in {town} could say why the {topic} seemed so {adj} that {season}.
    {person} kept {a:adj} {thing} for the sake of the {topic}, and {person} kept quiet about it.
    The {trade} of {town} gave {n} coins and {a:thing} for one honest word about {topic}.
    {when} the {topic} had to be moved from the {place} to {town}, and {person} {did}.
    Whoever has lived with {topic} for {n} years knows {feel} and the use of {a:thing}.
    {person} held that {topic} are {adj} by nature and {adj} only by habit.
    There was {a:adj} {thing} at the {place}, and beside it stood more {topic} than anybody had ordered.
    In {town} they still say that {topic} bring {feel} to the {trade}.
    {person} {did}, because the {topic} by the {place} were not what they had been.
    Of the {n} people who saw the {topic}, only {person} noticed the {adj} {thing}.
    {when} a cart of {topic} broke down at the {place}, to the delight of the {trade}.
    The oldest {topic} in {town} are {adj}, and the newest are said to be worse.
    It takes {n} days, {a:thing} and {feel} to understand {topic}.
    {person} traded {a:adj} {thing} for a book on {topic} and never regretted it.
    A commission of {trade} examined the {topic} and found them {adj}, apart from one.
    {when} {person} from {town} dreamed of {topic} and {did}.
    Between the {place} and the {place} lie {n} steps, and on each of them one thinks of {topic}.
    Some prefer {adj} {topic}, others {adj} ones; {person} prefers {a:thing}.
    The mayor of {town} promised better {topic} by {season}, and {did}.
    {person} read aloud the rules for {topic}, all {n} of them, until the {trade} {did}.
    What {person} remembered of that {season} was {feel}, {a:adj} {thing}, and the {topic}.
    The {topic} of {town} were insured against everything but {a:adj} {thing}.
    {when} two {trade} quarrelled over {topic} beside the {place}, and {person} settled it with {a:thing}.
    One cannot speak of {topic} in {town} without somebody who {did}.
    For {n} weeks the {topic} were kept at the {place} under {a:adj} cloth.
    {person} drew the {topic} on the back of {a:thing}, {adj} side up.
    The price of {topic} rose to {n} and fell again by {season}.
""")

OPENERS: dict[str, tuple[str, ...]] = {
    "letter": _lines("""
        Dear {person},
        My dear {person},
        To {person} of {town},
        Good {person},
        Dear neighbours of the {place},
    """),
    "short story": _lines("""
        {person} had never cared for {topic} until the {season} when everything in {town} went missing.
        There lived in {town} a family of {trade} who owned {n} {topic} and one {adj} {thing}.
        The night the {topic} came to {town}, {person} {did}.
        Once, by the {place}, {person} found {a:thing} that told the truth about {topic}.
    """),
    "diary entry": _lines("""
        {town}, {n} days into the {season}. Topic of the day: {topic}.
        Thursday. {Feel}, and no end of {topic}.
        Could not sleep for thinking of {topic}.
        Up early to see about the {topic}. The {place} was empty.
    """),
    "speech": _lines("""
        Friends, {trade} and visitors from {town}! I stand before you on account of {topic}.
        I was asked to speak for {n} minutes about {topic}, and I shall.
        Honoured {person}, patient {trade}: let us turn to {topic}.
        You have heard much about {topic}. Hear now what {person} never told you.
    """),
    "news report": _lines("""
        {TOPIC} CAUSE STIR IN {TOWN}
        {TOWN} DIVIDED OVER {TOPIC}
        NO END TO {TOPIC}, SAY {TRADE}
        {TOPIC}: COUNCIL OF {TOWN} TO DECIDE
    """),
    "set of instructions": _lines("""
        How to look after {topic} in {n} days.
        What every household in {town} should know about {topic}.
        {Topic} for beginners, after the method of {person}.
        You will need: {a:thing}, {a:adj} {thing}, and patience with {topic}.
    """),
}

CLOSERS: dict[str, tuple[str, ...]] = {
    "letter": _lines("""
        Yours until the {season}, {person}
        In haste, {person}
        With {feel}, {person} of {town}
        Ever your {adj} friend, {person}
        Give my regards to the {topic}. {person}
    """),
    "short story": _lines("""
        And the {thing}? It hangs to this day by the {place}, above the {topic}.
        From then on nobody in {town} touched the {topic} without {feel}.
        {person} never told anyone, and the {topic} did not need to be told.
        The {trade} kept the {topic}; {person} kept the {adj} {thing}.
    """),
    "diary entry": _lines("""
        To bed with {feel}. Tomorrow: {topic} again.
        Must ask {person} for the {thing}.
        Resolved to be less {adj} about {topic}.
        No word from {town}.
    """),
    "speech": _lines("""
        I thank the {trade}, I thank {person}, and above all I thank the {topic}.
        Let it be written on every {thing}: {town} stands by its {topic}!
        More I will not say, for the soup is getting cold.
        Go home, look at your {topic}, and be {adj}.
    """),
    "news report": _lines("""
        {person} of the {trade} was not to be reached.
        The council meets again by {season}.
        The {thing} has since been returned to the {place}.
        Readers who know more about the {topic} are asked to write to {person}.
    """),
    "set of instructions": _lines("""
        If all this fails, ask {person} at the {place}.
        Repeat every {season}, or whenever the {topic} look {adj}.
        Never leave {topic} alone with {a:adj} {thing}.
        Now rest. The {topic} will do the remainder.
    """),
}

STYLED: dict[str, tuple[str, ...]] = {
    "formal": _lines("""
        It is hereby noted that the {topic} remain the property of {town}.
        The undersigned begs leave to submit {n} observations on {topic}.
        In accordance with custom, the {thing} shall be placed beside the {topic}.
        May it please {person} to consider the {topic} with due care.
    """),
    "plain": _lines("""
        The {topic} are here. That is all.
        {person} has {a:thing}. It works.
        There are {n} {topic} in {town}.
        It rained on the {topic}.
    """),
    "cheerful": _lines("""
        Hurrah for the {topic}, and for {person}, who {did}!
        What a morning for {topic}! Even the {trade} were singing.
        Nothing beats {a:adj} {thing} and {n} {topic} in the sun!
        Oh, the joy of {topic} in {season}!
    """),
    "gloomy": _lines("""
        Nothing good has ever come of {topic}, nor will it.
        The rain fell on the {topic} as it falls on {person}, without end.
        {n} {topic}, and not one of them a comfort.
        Even the {thing} looked {adj}, and the {topic} were worse.
    """),
    "old-fashioned": _lines("""
        Hearken, good {trade}, for thus it was with the {topic} of old.
        Verily, {person} did behold {n} {topic} and was amazed.
        In the days of our grandsires the {topic} were fairer.
        'Twas {a:adj} {thing} that first brought {topic} to {town}.
    """),
    "urgent": _lines("""
        Quick! The {topic} must be out of {town} before {season}!
        There is no time: bring {a:thing}, find {person}, save the {topic}!
        This cannot wait: {n} {topic} are at stake!
        Now, not tomorrow: the {topic} at the {place} are giving way!
    """),
    "whimsical": _lines("""
        If {topic} wore hats, {person} would be the first to lend them {a:thing}.
        The moon, it is said, was once mistaken for {topic} by {n} {trade}.
        Somewhere {a:adj} {thing} is laughing at the {topic}, and rightly.
        On Tuesdays the {topic} of {town} turn into pancakes, but only slightly.
    """),
    "dry": _lines("""
        The {topic} were, in a manner of speaking, present.
        {person} described the {topic} as {adj}, which was generous.
        Of {n} reports on {topic}, none was read.
        {a:thing} was involved. The {topic} declined to comment.
    """),
}

POEM_LINES = _lines("""
    The {adj} {topic} beside the {place},
    {n} {topic} and one {adj} {thing},
    {person} of {town}, with {feel},
    O {topic}, {adj} in {season},
    {when} I heard the {topic} sing,
    The {trade} have gone, the {thing} is still,
    Who lent the {topic} {a:adj} {thing}?
    I kept for you {a:thing} from {town},
    No {thing} so {adj}, no {topic} so near,
    Between the {place} and the sea,
    {feel}, and {topic}, and rain,
    And {person} {did},
    So {adj} the road, so {adj} the light,
    Bring {a:thing}, bring the {topic} home,
    Till {season} finds the {topic} grown,
    And {town} forgets the {adj} {thing},
""")

RIDDLE_LINES = _lines("""
    I was seen by {n} {trade} and believed by none.
    {person} lost me at the {place} and found {a:thing} instead.
    I am {adj} in {town} and {adj} everywhere else.
    Give me {a:thing} and I am content; give me {feel} and I am gone.
    {when} I am doubled, and nobody complains.
    The {trade} fear me by {season} and miss me afterwards.
    I weigh less than {a:adj} {thing} and more than {feel}.
    Because of me {person} {did}.
    I stand where {a:thing} cannot, between the {place} and tomorrow.
    Count me, and you will be {n} short.
    I have no {thing}, yet {town} was built around me.
""")

STEPS = _lines("""
    Put {a:adj} {thing} next to the {topic} and wait until it is {adj}.
    Wash {n} of the {topic} in water from the {place}.
    Ask the {trade} for {a:thing}; do not say what it is for.
    Turn the {topic} once, towards {town}.
    Should {person} object, offer {a:adj} {thing}.
    Write the number {n} on every {thing} within reach.
    Keep the {topic} away from {feel} until {season}.
    Cover all {topic} with {a:adj} cloth before nightfall.
    Remove the {thing}, slowly, as {person} of {town} did.
    Test one of the {topic} at the {place}; it should feel {adj}.
    Lend the rest to the {trade}.
    Leave {n} minutes between the first and the second {thing}.
""")
