"""Questions about Les Misérables: each passage stands in the book, and holds the answer."""

from __future__ import annotations

import json
import logging
import re

import pytest

from lm_eval_longctx.errors import ConfigError, CorpusError, UnknownOptionError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.text import sources
from lm_eval_longctx.scorers.exact_f1 import ExactF1Scorer, answer_words
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.docqa.novel import BookQABuilder, WordFinder, read_questions
from lm_eval_longctx.tasks.docqa.page import HEADER
from lm_eval_longctx.units import Unit

ABOUT, QUESTIONS = read_questions("lesmis", BuildContext(resolve_source=str))
SCORER = ExactF1Scorer({})
WORKED_OUT = {"missing-fortune"}
"""Questions whose answer is not a word of a passage but follows from numbers in several."""


def builder_in(folder, haystack, **metadata):
    """Make a builder as the harness does."""
    sweep = parse_sweep(
        {"version": 1, "haystack": haystack, **metadata},
        task="lesmis_qa",
        unit=Unit.TOKENS,
        options=BookQABuilder.OPTIONS,
        has_depth=False,
        has_length=False,
    )
    return BookQABuilder(sweep, BuildContext(resolve_source=lambda name: getattr(sources, name), cache_dir=folder))


@pytest.fixture(scope="module")
def novel(book, tmp_path_factory):
    """Return a builder over the real book, in all contexts."""
    return builder_in(tmp_path_factory.mktemp("cache"), f"books:{book}", contexts=["full", "retrieved", "none"])


@pytest.fixture(scope="module")
def samples(novel):
    """Return all samples."""
    return novel.samples()


def words(text):
    """Return the words of a text, in lower case."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def test_there_are_many_questions():
    """At least sixty questions, of both kinds, with names of their own and short passages."""
    assert len(QUESTIONS) >= 60
    assert len({question.id for question in QUESTIONS}) == len({q.question for q in QUESTIONS}) == len(QUESTIONS)
    assert sum(question.kind == "link" for question in QUESTIONS) >= 12
    assert {question.kind for question in QUESTIONS} == {"fact", "link"}
    assert all(question.question.endswith((".", "?")) for question in QUESTIONS)
    assert all(15 <= len(passage) <= 200 for question in QUESTIONS for passage in question.evidence)


def test_answers_are_told_by_the_passages_and_not_by_the_questions():
    """The words of an accepted answer stand in a passage, and no accepted answer stands in its question."""
    for question in QUESTIONS:
        told = [set(answer_words(passage)) for passage in question.evidence]
        answers = [answer_words(answer) for answer in question.answers]
        assert all(answers), question.id
        if question.id not in WORKED_OUT:
            assert any(set(answer) <= passage for answer in answers for passage in told), question.id
        asked = f" {' '.join(answer_words(question.question))} "
        assert not any(f" {' '.join(answer)} " in asked for answer in answers), question.id


def test_every_passage_stands_in_the_book_once(novel):
    """All passages of all questions are found in the real text, each in one place."""
    assert [question.id for question, _ in novel.placed] == [question.id for question in QUESTIONS]


def test_questions_cover_the_whole_book(novel):
    """Every twentieth of the book but one holds a passage; links lie far apart, most of them in different volumes."""
    depths = [depth for _, found in novel.placed for depth in found]
    assert len({int(depth * 20) for depth in depths}) >= 19
    text = novel.corpus.read(0, novel.corpus.unit_start(novel.corpus.store.period_units))
    volumes = [match.start() / len(text) for match in re.finditer(r"^VOLUME [IV]+", text, re.MULTILINE)][1:]
    assert len(volumes) == 5
    spans = [(min(found), max(found)) for question, found in novel.placed if question.kind == "link"]
    assert all(high - low > 0.05 for low, high in spans)
    assert sum(any(low < volume <= high for volume in volumes) for low, high in spans) >= 10
    assert all(max(found) - min(found) < 0.01 for question, found in novel.placed if question.kind == "fact")


def test_the_whole_book_some_of_it_or_nothing(novel, samples):
    """Each question is asked of the whole book, of 4k tokens of its passages, and of nothing."""
    by = {context: [r for r in samples if r["context"] == context] for context in ("full", "retrieved", "none")}
    assert {len(found) for found in by.values()} == {len(QUESTIONS)}
    whole = novel.render(by["full"][0]).text()
    assert novel.corpus.tokenizer.count(whole) == by["full"][0]["realised_length"] > 700_000
    assert {sample["control"] for sample in by["full"]} == {False}
    for full, some, nothing in zip(by["full"], by["retrieved"], by["none"], strict=True):
        assert full["name"] == some["name"] == nothing["name"]
        assert some["control"] is nothing["control"] is True
        assert nothing["realised_length"] < 160
        assert 3500 < some["realised_length"] <= 4096
    for sample in [*by["retrieved"][:5], *by["none"][:5]]:
        text = novel.render(sample).text()
        assert novel.corpus.tokenizer.count(text) == sample["realised_length"]
        assert f"{ABOUT} {sample['question']}" in text
        assert text.startswith(HEADER) is (sample["context"] == "retrieved")


def test_passages_are_of_use(novel, samples):
    """Retrieval brings all of the evidence for most facts and for few links."""
    found = {"fact": [], "link": []}
    for sample in samples:
        if sample["context"] == "retrieved":
            shown = words(novel.render(sample).text())
            found[sample["kind"]].append(all(words(passage) in shown for passage, _ in sample["evidence"]))
    assert sum(found["fact"]) / len(found["fact"]) > 0.6
    assert sum(found["link"]) / len(found["link"]) < 0.5


def test_an_oracle_gets_everything_right(samples):
    """Every accepted answer scores 1, in every context under its own name."""
    for sample in samples:
        SCORER.validate(sample)
        name = {"full": "exact", "retrieved": "exact_retrieved", "none": "exact_closed_book"}[sample["context"]]
        for answer in sample["target"]:
            assert SCORER.score(sample, f"Answer: {answer}.")[name] == 1.0


def test_samples_are_small(samples):
    """Samples are plain values of about 1 kB, in an order that is spread over the book."""
    assert all(len(json.dumps(sample)) < 2500 for sample in samples)
    early = [sample["realised_depth"] for sample in samples[:24]]
    assert min(early) < 0.2
    assert max(early) > 0.8
    assert len({sample["id"] for sample in samples}) == len(samples)


STORY = (
    "Anna lived in Lund. She had a dog called Max. One day the dog ran away, and Anna looked for it. "
    "In the wood she met an old man. He had seen the dog by the river. Anna thanked him and gave him bread.\n\n"
) * 3 + "At last she found Max under the bridge. They went home to Lund. The end of it was a great supper."
OWN = {
    "about": "The question is about a story.",
    "questions": [
        {
            "id": "a",
            "kind": "fact",
            "question": "Where was Max?",
            "answers": ["under the bridge"],
            "evidence": ["she found Max _under_ the\nbridge"],
        },
        {
            "id": "b",
            "kind": "fact",
            "question": "What was the end?",
            "answers": ["supper"],
            "evidence": ["a great \u201csupper\u201d"],
        },
    ],
}


@pytest.fixture
def own(tmp_path):
    """Return a function that makes a builder over a small book with questions of the user's own."""

    def make(data=OWN, text=STORY, **metadata):
        (tmp_path / "story.txt").write_text(text, encoding="utf-8")
        (tmp_path / "questions.json").write_text(json.dumps(data), encoding="utf-8")
        settings = {"questions": str(tmp_path / "questions.json"), **metadata}
        return builder_in(tmp_path / "cache", f"books:{tmp_path / 'story.txt'}", **settings)

    return make


def test_questions_of_ones_own(own):
    """A user's own book and questions work alike."""
    builder = own()
    samples = builder.samples()
    assert [(r["name"], r["context"]) for r in samples] == [("a", "full"), ("a", "none"), ("b", "full"), ("b", "none")]
    assert samples[0]["realised_depth"] > 0.8
    assert STORY in builder.render(samples[0]).text()
    assert builder.render(samples[1]).text().startswith("The question is about a story. Where was Max?")


def test_a_passage_that_a_copy_lacks(own, caplog):
    """Few lost passages leave their questions out, with a warning; many stop the run."""
    many = [{**OWN["questions"][0], "id": str(n)} for n in range(10)]
    lost = {**OWN["questions"][0], "id": "x", "evidence": ["she found Max in the barn"]}
    with caplog.at_level(logging.WARNING):
        samples = own({**OWN, "questions": [*many, lost]}, contexts=["full"]).samples()
    assert len(samples) == 10
    assert {sample["left_out"] for sample in samples} == {1}
    assert "1 questions are left out" in caplog.text
    with pytest.raises(CorpusError, match="the passages of 1 of 2 questions"):
        own({**OWN, "questions": [many[0], lost]}).samples()


def test_a_passage_is_found_by_its_words_and_only_once():
    """Line ends, quotes, italics and case do not matter; what stands twice has no place."""
    finder = WordFinder('He said:\n"_Come_ in!" and he came. He said no.')
    assert finder.find("come in") == 11
    assert finder.find("SAID: come") == 3
    assert finder.find("he said") is finder.find("came in") is finder.find("ome in") is None


@pytest.mark.parametrize(
    ("metadata", "error", "says"),
    [
        ({"contexts": []}, ConfigError, "at least one"),
        ({"contexts": ["fulll"]}, UnknownOptionError, "did you mean 'full'"),
        ({"questions": "/nowhere/q.json"}, ConfigError, "cannot read the questions"),
    ],
)
def test_settings_that_cannot_be_used(own, metadata, error, says):
    """Unknown contexts and missing questions are refused at once."""
    with pytest.raises(error, match=says):
        own(**metadata)


def test_the_book_must_be_given_and_must_end(tmp_path):
    """Without a book, and with an endless one, the error says what to give."""
    with pytest.raises(ConfigError, match="eBook 135"):
        builder_in(tmp_path, "").samples()
    with pytest.raises(ConfigError, match="has no end"):
        builder_in(tmp_path, "chronicle").samples()


GOOD = {"id": "k", "kind": "fact", "question": "Who?", "answers": ["Maud"], "evidence": ["was called Maud"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "are not JSON"),
        ('{"about": "x", "questions": [{"id": "k", kind}]}', "are not JSON: Expecting property name"),
        ('{"about": "x"}', 'it holds an object with "about"'),
        ("[]", 'it holds an object with "about"'),
        ('{"about": "x", "questions": []}', 'it holds an object with "about"'),
        ('{"about": "x", "questions": {"k": 1}}', 'it holds an object with "about"'),
        ('{"about": "x", "questions": ["Who?"]}', "question 1 of .*mine.json is no object"),
        ([GOOD, {**GOOD, "id": "l", "answer": ["Maud"], "answers": None}], "question 2 of .*: answers must be a list"),
        ([{key: GOOD[key] for key in GOOD if key != "kind"}], "question 1 of .*mine.json has no 'kind'"),
        (
            [{"answer" if key == "answers" else key: GOOD[key] for key in GOOD}],
            "no 'answers'; is it what you call 'answer'",
        ),
        ([{**GOOD, "answers": "Maud"}], "answers must be a list of one text or more, not 'Maud'"),
        ([{**GOOD, "evidence": []}], "evidence must be a list"),
        ([{**GOOD, "evidence": [" "]}], "evidence must be a list"),
        ([GOOD, GOOD], "several questions with the id 'k'"),
    ],
)
def test_a_mistake_in_a_file_of_questions_is_told_with_file_and_question(tmp_path, text, words):
    """Whoever writes questions of their own learns which one lacks what, before a book is read."""
    given = text if isinstance(text, str) else json.dumps({"about": "x", "questions": text})
    (tmp_path / "mine.json").write_text(given, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as raised:
        read_questions(str(tmp_path / "mine.json"), BuildContext(resolve_source=str))
    assert str(tmp_path / "mine.json") in str(raised.value)


def test_questions_may_begin_with_a_byte_order_mark(tmp_path):
    """Windows writes one, and it is no fault."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"about": "x", "questions": [GOOD]}), encoding="utf-8-sig")
    assert read_questions(str(path), BuildContext(resolve_source=str))[1][0].answers == ("Maud",)


def test_passages_that_are_not_found_are_named(tmp_path):
    """A passage that stands in the book twice, or not at all, is an error that names its question."""
    (tmp_path / "book.txt").write_text("The keeper was called Maud. " * 300, encoding="utf-8")
    (tmp_path / "mine.json").write_text(json.dumps({"about": "x", "questions": [GOOD]}), encoding="utf-8")
    builder = builder_in(tmp_path, f"books:{tmp_path / 'book.txt'}", questions=str(tmp_path / "mine.json"))
    with pytest.raises(CorpusError, match=r"1 of 1 questions \(k\) do not stand once each in"):
        builder.samples()
