"""Needles and questions in each language, and words that a recogniser hears right.

English: each word was said as "The secret keyword is ..." by all default
voices and written down correctly by Whisper tiny.en every time; candidates that
failed once were dropped. ``CLEAR`` are those that four Kokoro and three Flite
voices said clearly too, for needles in such voices. The other languages' words
are chosen by hand, everyday nouns with one spelling, and not vetted by a
recogniser. A language is here only if a voice speaks it (``voices``).
"""

from __future__ import annotations

from dataclasses import dataclass

from lm_eval_longctx.errors import unknown_option


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ENGLISH = """
    airplane alligator almond anchor apricot asteroid astronaut balcony balloon bamboo banana battery biscuit
    blanket blueberry bottle broccoli bucket buffalo butter butterfly cabbage cactus camera candle canyon
    caramel caravan carpet carrot castle cathedral cherry chimney chocolate cinema coconut coffee compass
    computer coral cotton crocodile crystal cucumber curtain desert diamond dinosaur dolphin donkey dragon eagle
    elephant emerald engine fireplace flamingo fountain galaxy garlic ginger glacier guitar hammer hamster
    hazelnut helicopter honey horizon hospital hurricane hydrogen island ivory jacket jaguar jasmine jungle
    keyboard lantern laptop lavender lemon leopard library lizard lobster machine magazine magnet mahogany
    mandolin mango maple marathon marble marigold medicine mermaid microscope mirror monastery monkey mosquito
    mountain museum mushroom mustard napkin necklace needle notebook oatmeal ocean octopus onion orchestra
    orchid ostrich oxygen oyster palace panther paprika parachute parrot parsley passport peacock peanut pelican
    pencil pendulum pepper perfume piano pickle pigeon pillow pineapple pirate planet platinum platypus pocket
    porcelain potato pretzel propeller pumpkin puzzle pyramid python rabbit railway rainbow raspberry raven
    rectangle reindeer ribbon robot rocket saddle salad salmon sandstone sandwich sapphire satellite saxophone
    scissors scorpion seagull shadow shampoo silverware skeleton soldier spaghetti sparrow spider spinach
    squirrel stadium strawberry submarine sugar sunflower tangerine telegram telescope television temple terrace
    thermometer thunder tiger timber tomato toothbrush tornado tortoise tractor treasure triangle tricycle
    trumpet tulip tunnel turtle tuxedo umbrella unicorn vampire vanilla velvet victory village vinegar violin
    volcano wallet walnut waterfall whiskey whistle wizard yogurt zebra zucchini
"""

CLEAR = _listed(
    """
    alligator canyon cathedral chocolate cinema compass crocodile crystal elephant hazelnut ivory jasmine
    lantern leopard magazine mahogany mandolin museum ocean oxygen palace passport pineapple platinum pocket
    porcelain propeller pumpkin raven sandwich satellite saxophone soldier television timber toothbrush victory
    village whistle zebra
"""
)


@dataclass(frozen=True)
class Wording:
    """How needles and questions are put in one language.

    Attributes:
        name: The language's name in English.
        needle: The hidden sentence.
        numbered: The hidden sentences where there are several.
        ordinals: What tells these apart.
        distractor: A sentence that sounds alike and does not answer.
        words: What can be hidden.
        clear: What can be hidden in voices that are not the default ones; empty for ``words``.
        colours: What distractors say.
        before: The request before the recording, in the language itself, as are the next three.
        one: The question for one word.
        several: The question for several.
        maybe: What is added where there may be none; the answer then is the same in all languages, which scorers read.
    """

    name: str
    needle: str
    numbered: str
    ordinals: tuple[str, ...]
    distractor: str
    words: tuple[str, ...]
    colours: tuple[str, ...]
    before: str
    one: str
    several: str
    maybe: str
    clear: tuple[str, ...] = ()

    def sentence(self, word: str, number: int | None = None) -> str:
        """Return the sentence that hides a word, or the one of several with a number from 0."""
        if number is None:
            return self.needle.format(word=word)
        text = self.numbered.format(ordinal=self.ordinals[number], word=word)
        return text[0].upper() + text[1:]

    def said(self, number: int | None = None) -> str:
        """Return the same as a question quotes it, with X for the word."""
        return self.sentence("X", number).rstrip(".。।")


ENGLISH = Wording(
    name="English",
    needle="The secret keyword is {word}.",
    numbered="The {ordinal} secret keyword is {word}.",
    ordinals=_listed("first second third fourth fifth sixth seventh eighth ninth tenth"),
    distractor="The secret color is {word}.",
    words=_listed(_ENGLISH),
    clear=CLEAR,
    colours=_listed("blue green orange purple yellow brown white silver golden black"),
    before="Listen to the audio carefully and answer the question that comes after the audio input.",
    one="In the audio above, someone says '{said}'. What is X?",
    several="In the audio above, someone says '{first}', and elsewhere '{second}', and so on. What are all {count} "
    "secret keywords? Give one line for each, such as '{ordinal}: X'.",
    maybe=" If nobody says such a sentence, answer 'There is no secret keyword'.",
)

WORDINGS = {
    "en": ENGLISH,
    "de": Wording(
        name="German",
        needle="Das geheime Wort lautet {word}.",
        numbered="Das {ordinal} geheime Wort lautet {word}.",
        ordinals=_listed("erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte"),
        distractor="Die geheime Farbe ist {word}.",
        words=_listed(
            "Fenster Garten Schmetterling Bahnhof Zitrone Elefant Brücke Winter Apfelbaum Klavier Regenbogen Kaffee"
        ),
        colours=_listed("blau grün gelb braun schwarz orange"),
        before="Höre dir die Aufnahme aufmerksam an und beantworte die Frage, die danach kommt.",
        one="In der Aufnahme oben sagt jemand: '{said}'. Welches Wort wird anstelle von X gesagt?",
        several="In der Aufnahme oben sagt jemand: '{first}', an anderer Stelle: '{second}' und so weiter. Wie "
        "lauten alle {count} geheimen Wörter? Gib für jedes eine Zeile an, zum Beispiel '{ordinal}: X'.",
        maybe=" Wenn niemand einen solchen Satz sagt, antworte 'There is no secret keyword'.",
    ),
    "fr": Wording(
        name="French",
        needle="Le mot secret est {word}.",
        numbered="Le {ordinal} mot secret est {word}.",
        ordinals=_listed("premier deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième"),
        distractor="La couleur secrète est {word}.",
        words=_listed(
            "fenêtre jardin papillon chocolat montagne éléphant musique bateau hiver pharmacie parapluie bibliothèque"
        ),
        colours=_listed("bleu vert jaune brun noir orange"),
        before="Écoute attentivement l'enregistrement et réponds à la question qui le suit.",
        one="Dans l'enregistrement ci-dessus, quelqu'un dit : '{said}'. Quel mot est dit à la place de X ?",
        several="Dans l'enregistrement ci-dessus, quelqu'un dit : '{first}', ailleurs : '{second}', et ainsi de "
        "suite. Quels sont les {count} mots secrets ? Donne une ligne pour chacun, par exemple "
        "'{ordinal}: X'.",
        maybe=" Si personne ne dit une telle phrase, réponds 'There is no secret keyword'.",
    ),
    "es": Wording(
        name="Spanish",
        needle="La palabra secreta es {word}.",
        numbered="La {ordinal} palabra secreta es {word}.",
        ordinals=_listed("primera segunda tercera cuarta quinta sexta séptima octava novena décima"),
        distractor="El color secreto es {word}.",
        words=_listed(
            "ventana jardín mariposa chocolate montaña elefante música teléfono invierno naranja paraguas biblioteca"
        ),
        colours=_listed("azul verde amarillo marrón negro naranja"),
        before="Escucha el audio con atención y responde a la pregunta que viene después.",
        one="En el audio anterior, alguien dice: '{said}'. ¿Qué palabra se dice en lugar de X?",
        several="En el audio anterior, alguien dice: '{first}', en otro momento: '{second}', y así "
        "sucesivamente. ¿Cuáles son las {count} palabras secretas? Escribe una línea para cada una, por "
        "ejemplo '{ordinal}: X'.",
        maybe=" Si nadie dice una frase así, responde 'There is no secret keyword'.",
    ),
    "it": Wording(
        name="Italian",
        needle="La parola segreta è {word}.",
        numbered="La {ordinal} parola segreta è {word}.",
        ordinals=_listed("prima seconda terza quarta quinta sesta settima ottava nona decima"),
        distractor="Il colore segreto è {word}.",
        words=_listed(
            "finestra giardino farfalla cioccolato montagna elefante musica telefono inverno arancia "
            "ombrello biblioteca"
        ),
        colours=_listed("blu verde giallo marrone nero arancione"),
        before="Ascolta l'audio con attenzione e rispondi alla domanda che segue.",
        one="Nell'audio qui sopra qualcuno dice: '{said}'. Quale parola viene detta al posto di X?",
        several="Nell'audio qui sopra qualcuno dice: '{first}', in un altro punto: '{second}', e così via. Quali "
        "sono tutte le {count} parole segrete? Scrivi una riga per ciascuna, per esempio '{ordinal}: X'.",
        maybe=" Se nessuno dice una frase simile, rispondi 'There is no secret keyword'.",
    ),
    "pt": Wording(
        name="Portuguese",
        needle="A palavra secreta é {word}.",
        numbered="A {ordinal} palavra secreta é {word}.",
        ordinals=_listed("primeira segunda terceira quarta quinta sexta sétima oitava nona décima"),
        distractor="A cor secreta é {word}.",
        words=_listed(
            "janela jardim borboleta chocolate montanha elefante música telefone inverno laranja biblioteca "
            "cavalo relógio castelo girafa sapato"
        ),
        colours=_listed("azul verde amarelo preto branco vermelho"),
        before="Ouça o áudio com atenção e responda à pergunta que vem depois.",
        one="No áudio acima, alguém diz: '{said}'. Que palavra é dita no lugar de X?",
        several="No áudio acima, alguém diz: '{first}', em outro momento: '{second}', e assim por diante. Quais "
        "são as {count} palavras secretas? Escreva uma linha para cada uma, por exemplo '{ordinal}: X'.",
        maybe=" Se ninguém disser uma frase assim, responda 'There is no secret keyword'.",
    ),
    "nl": Wording(
        name="Dutch",
        needle="Het geheime woord is {word}.",
        numbered="Het {ordinal} geheime woord is {word}.",
        ordinals=_listed("eerste tweede derde vierde vijfde zesde zevende achtste negende tiende"),
        distractor="De geheime kleur is {word}.",
        words=_listed(
            "raam tuin vlinder chocolade berg olifant muziek telefoon winter citroen bibliotheek paard "
            "kasteel regenboog fiets appel"
        ),
        colours=_listed("blauw groen geel bruin zwart oranje"),
        before="Luister aandachtig naar de opname en beantwoord de vraag die erna komt.",
        one="In de opname hierboven zegt iemand: '{said}'. Welk woord wordt er in plaats van X gezegd?",
        several="In de opname hierboven zegt iemand: '{first}', ergens anders: '{second}', enzovoort. Wat zijn "
        "alle {count} geheime woorden? Geef voor elk één regel, bijvoorbeeld '{ordinal}: X'.",
        maybe=" Als niemand zo'n zin zegt, antwoord dan 'There is no secret keyword'.",
    ),
    "pl": Wording(
        name="Polish",
        needle="Tajne słowo to {word}.",
        numbered="{ordinal} tajne słowo to {word}.",
        ordinals=_listed("pierwsze drugie trzecie czwarte piąte szóste siódme ósme dziewiąte dziesiąte"),
        distractor="Tajny kolor to {word}.",
        words=_listed(
            "okno ogród motyl czekolada góra słoń muzyka telefon zima pomarańcza biblioteka zamek rower "
            "zegar cytryna jabłko"
        ),
        colours=_listed("niebieski zielony żółty brązowy czarny biały"),
        before="Posłuchaj uważnie nagrania i odpowiedz na pytanie, które następuje po nim.",
        one="W powyższym nagraniu ktoś mówi: '{said}'. Jakie słowo pada zamiast X?",
        several="W powyższym nagraniu ktoś mówi: '{first}', w innym miejscu: '{second}' i tak dalej. Podaj "
        "wszystkie tajne słowa (jest ich {count}), każde w osobnym wierszu, na przykład '{ordinal}: X'.",
        maybe=" Jeśli nikt nie wypowiada takiego zdania, odpowiedz 'There is no secret keyword'.",
    ),
    "ru": Wording(
        name="Russian",
        needle="Секретное слово — {word}.",
        numbered="{ordinal} секретное слово — {word}.",
        ordinals=_listed("первое второе третье четвёртое пятое шестое седьмое восьмое девятое десятое"),
        distractor="Секретный цвет — {word}.",
        words=_listed(
            "окно бабочка шоколад гора слон музыка телефон зима апельсин библиотека лошадь велосипед лимон "
            "яблоко радуга карандаш"
        ),
        colours=_listed("синий зелёный жёлтый коричневый чёрный белый"),
        before="Внимательно прослушай запись и ответь на вопрос, который следует за ней.",
        one="В записи выше кто-то говорит: '{said}'. Какое слово произносится вместо X?",
        several="В записи выше кто-то говорит: '{first}', в другом месте: '{second}' и так далее. Назови все "
        "секретные слова (всего {count}), каждое на отдельной строке, например '{ordinal}: X'.",
        maybe=" Если никто не произносит такой фразы, ответь 'There is no secret keyword'.",
    ),
    "hi": Wording(
        name="Hindi",
        needle="गुप्त शब्द {word} है।",
        numbered="{ordinal} गुप्त शब्द {word} है।",
        ordinals=_listed("पहला दूसरा तीसरा चौथा पाँचवाँ छठा सातवाँ आठवाँ नौवाँ दसवाँ"),
        distractor="गुप्त रंग {word} है।",
        words=_listed("बगीचा तितली हाथी संगीत संतरा किताब नदी सेब बादल चावल मछली बंदर कमल तारा मोर सूरज"),
        colours=_listed("नीला हरा पीला काला लाल भूरा"),
        before="रिकॉर्डिंग को ध्यान से सुनिए और उसके बाद आने वाले प्रश्न का उत्तर दीजिए।",
        one="ऊपर की रिकॉर्डिंग में कोई कहता है: '{said}'। X की जगह कौन सा शब्द कहा गया है?",
        several="ऊपर की रिकॉर्डिंग में कोई कहता है: '{first}', कहीं और: '{second}', और इसी तरह आगे। सभी {count} "
        "गुप्त शब्द क्या हैं? हर एक के लिए एक पंक्ति लिखिए, जैसे '{ordinal}: X'।",
        maybe=" यदि कोई ऐसा वाक्य नहीं कहता, तो उत्तर दीजिए 'There is no secret keyword'।",
    ),
    "zh": Wording(
        name="Chinese",
        needle="秘密词语是{word}。",
        numbered="{ordinal}个秘密词语是{word}。",
        ordinals=_listed("第一 第二 第三 第四 第五 第六 第七 第八 第九 第十"),
        distractor="秘密颜色是{word}。",
        words=_listed("窗户 花园 蝴蝶 大象 音乐 电话 冬天 橙子 图书馆 自行车 苹果 月亮 老虎 医院 飞机 香蕉"),
        colours=_listed("蓝色 绿色 黄色 黑色 红色 白色"),
        before="请仔细听录音，并回答录音之后的问题。",
        one="在上面的录音中，有人说：'{said}'。X处说的是哪个词？",
        several="在上面的录音中，有人说：'{first}'，在另一处说：'{second}'，等等。"
        "全部{count}个秘密词语是什么？每个词语写一行，例如'{ordinal}: X'。",
        maybe="如果没有人说这样的句子，请回答'There is no secret keyword'。",
    ),
}


def wording(language: str) -> Wording:
    """Return the wording of a language.

    Raises:
        UnknownOptionError: There is none.
    """
    if language not in WORDINGS:
        raise unknown_option("language of needles", language, WORDINGS)
    return WORDINGS[language]
