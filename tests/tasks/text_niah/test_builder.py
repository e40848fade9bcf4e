"""Needle tasks: samples, prompts and what must not change between machines."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest
from text_kit import builder_for, written

from lm_eval_longctx.errors import ConfigError, CorpusError, UnknownOptionError
from lm_eval_longctx.hay.text.keys import CITIES
from lm_eval_longctx.plugins.manager import registry
from lm_eval_longctx.prompt import TextPart
from lm_eval_longctx.tasks.text_niah.builder import ManyValuesBuilder, MultiNeedleBuilder, NeedleBuilder

PROMPT = """<context>
{context}
</context>
What is the special magic {city} number? Don't give information outside the document or repeat your findings
Here is the magic number from the context:"""

GOLDEN = {
    "english": "e61fccac1e4675c2f2113fc6311941a46d6999db85aba4387f149dadd35e510c",
    "chinese": "6cf5288ab088a2b6fc0b7b964a3377836c15cf25ee70287e6d88154717b13870",
    "code": "a90bf1ed014eef060d487f5bf21707217b72da1e196471333b23ad5150220020",
}
GOLDEN_MULTI = "9c60166b66e5ab949a6087659acd6042a228a96f2aed7a14ebe9eb0dfd11be88"


def digest_of(builder) -> str:
    """Return a digest of all samples of a builder and of all their prompts, byte for byte."""
    sha = hashlib.sha256()
    for sample in builder.samples():
        sha.update(
            json.dumps(sample, sort_keys=True).replace(str(Path(builder.sweep.haystack[6:]).parent), "").encode()
        )
        sha.update(builder.render(sample).text().encode())
    return sha.hexdigest()


@pytest.mark.parametrize("script", GOLDEN)
def test_golden(make, book, script):
    """Samples and prompts are the same bytes on every machine and every Python."""
    builder = make(book(written(script, 40_000)), context_lengths=[2000, 9000], samples_per_cell=2, distractors=1)
    assert digest_of(builder) == GOLDEN[script]


def test_golden_multi(make, book):
    """Many needles are the same bytes on every machine and every Python."""
    builder = make(book(written("english", 40_000)), MultiNeedleBuilder, context_lengths=[3000], needles=30)
    assert digest_of(builder) == GOLDEN_MULTI


def test_same_bytes_in_a_new_process(tmp_path, make, book):
    """A sample that was kept as JSON is rendered to the same bytes in a new process."""
    haystack = book(written("emoji", 40_000))
    builder = make(haystack, context_lengths=["4k"])
    sample = builder.samples()[1]
    program = (
        "import sys, json, hashlib; from text_kit import builder_for; from pathlib import Path; "
        f"builder = builder_for(Path({str(tmp_path / 'other')!r}), {haystack!r}, context_lengths=['4k']); "
        "prompt = builder.render(json.loads(sys.argv[1])); "
        "print(hashlib.sha256(prompt.text().encode()).hexdigest(), 'tiktoken' in sys.modules)"
    )
    folders = [str(Path(__file__).parents[2] / "support"), str(Path(__file__).parents[3])]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {folders!r}; {program}", json.dumps(sample)],
        capture_output=True,
        text=True,
        check=True,
    )
    text = builder.render(sample).text()
    assert done.stdout.split() == [hashlib.sha256(text.encode()).hexdigest(), "False"]


def test_the_prompt_is_the_reports(make):
    """The prompt is that of the Gemini 1.5 report, appendix 12.16, needle and all."""
    builder = make("repeat", context_lengths=[500], depths=[0.5])
    sample = builder.samples()[0]
    prompt = builder.render(sample)
    text, city = prompt.text(), sample["key"]
    context = text[len("<context>\n") : text.index("\n</context>")]
    assert text == PROMPT.format(context=context, city=city)
    assert context.count(f"The special magic {city} number is: {sample['target']}.") == 1
    assert prompt.answer_prefix == "Here is the magic number from the context:"
    assert len(prompt.turns) == 1


@pytest.mark.parametrize("script", ["english", "chinese", "code", "thai"])
def test_needles_stand_between_units(make, book, script):
    """Before a needle a sentence or line has ended, and hay without its needle is the corpus."""
    text = written(script, 30_000)
    builder = make(book(text), context_lengths=["4k"], depths=11)
    for sample in builder.samples():
        whole = builder.render(sample).text()
        before, after = whole.split(f"The special magic {sample['key']} number is: {sample['target']}.")
        after_fill = sample["position"] > sample["hay"]["units"]
        hay, rest = before.removeprefix("<context>\n").encode(), after.split("\n</context>")[0].encode()
        shorter = hay if after_fill else rest  # the fill comes from further on
        shorter = shorter[: max(0, len(shorter) - sample["hay"]["fill"] - after_fill)]
        for part in (shorter, rest if after_fill else hay):
            assert part.decode(errors="ignore").strip() in text
        assert not hay.strip() or hay.decode().rstrip()[-1] in ".!?\u3002\uff01\uff1f;" or hay.endswith(b"\n")


def test_realised_depth_is_near_the_asked_one(make, book):
    """The needle stands within a sentence of its depth; the ends are exact; it is stored what came out."""
    builder = make(book(written("english", 200_000)), context_lengths=["32k"], depths=11)
    for sample in builder.samples():
        assert abs(sample["realised_depth"] - sample["depth"]) < 0.005
        if sample["depth"] in (0, 1):
            assert sample["realised_depth"] == sample["depth"]


def test_samples_of_an_index_share_their_hay(make, book):
    """At one index and length all depths begin with the same hay; other indexes begin elsewhere."""
    builder = make(book(written("english", 90_000)), context_lengths=["2k", "8k"], depths=[0.5, 1], samples_per_cell=3)
    starts: dict[tuple[int, str], set[str]] = {}
    for sample in builder.samples():
        text = builder.render(sample).text()[:3000]
        starts.setdefault((sample["index"], sample["context_label"]), set()).add(text)
    assert [len(texts) for texts in starts.values()] == [1] * 6
    for label in ("2k", "8k"):
        assert len(set.union(*(texts for (_, length), texts in starts.items() if length == label))) == 3


@pytest.mark.parametrize(("hay", "fit"), [("book", 2), ("chronicle", 5)])
def test_samples_of_a_cell_share_no_hay(make, book, hay, fit):
    """No sentence stands in two samples of a cell while the source has enough; then the shared part is told."""
    spec = hay if hay == "chronicle" else book(written("english", 90_000))
    builder = make(spec, context_lengths=["2k", "8k"], depths=[0.5], samples_per_cell=5)
    of = [sample for sample in builder.samples() if sample["context_label"] == "8k"]
    assert [sample["haystack"]["overlap"] == 0 for sample in of] == [n < fit for n in range(5)]
    ends = sorted((s["hay"]["start"], s["hay"]["start"] + s["hay"]["units"] + bool(s["hay"]["fill"])) for s in of[:fit])
    assert all(stop <= start for (_, stop), (start, _) in pairwise(ends))


def test_adding_cells_changes_no_other(make, book):
    """A sample keeps its id, needle and text when lengths and depths are added."""
    haystack = book(written("english", 60_000))
    few = {r["id"]: r for r in make(haystack, context_lengths=["4k"], depths=[0.5]).samples()}
    many = {r["id"]: r for r in make(haystack, context_lengths=["2k", "4k", "8k"], depths=5).samples()}
    assert few
    assert all(many[name] == sample for name, sample in few.items())


def test_hay_is_marked_and_equal_between_prompts(make, book):
    """Hay comes in parts that are marked as shared, and long prompts of one index have equal parts."""
    builder = make(book(written("english", 1_500_000)), context_lengths=["256k"], depths=[0, 0.5])
    first, second = (builder.render(sample) for sample in builder.samples())
    shared = [
        {part.digest for part in prompt.parts() if isinstance(part, TextPart) and part.shared}
        for prompt in (first, second)
    ]
    assert len(shared[0] & shared[1]) >= 3
    rest = [part.text for part in first.parts() if not part.shared]
    assert sum(map(len, rest)) < 400


def test_samples_are_small_plain_values(make, book):
    """A sample is JSON of less than a kilobyte; with a hundred needles less than six."""
    haystack = book(written("english", 200_000))
    for kind, size in ((NeedleBuilder, 1000), (MultiNeedleBuilder, 6000)):
        for sample in make(haystack, kind, context_lengths=["8k", "32k"]).samples():
            assert json.loads(json.dumps(sample)) == sample
            assert len(json.dumps(sample)) < size


def test_absent_needles(make, book):
    """About the asked share of samples has no needle, is told so by the sample, and every question allows for it."""
    builder = make(book(written("english", 60_000)), samples_per_cell=30, absent=0.5)
    samples = builder.samples()
    absent = [sample for sample in samples if sample["absent"]]
    assert 0.3 < len(absent) / len(samples) < 0.7
    for sample in samples:
        text = builder.render(sample).text()
        assert text.count("If the document does not give it, say that it is not there.") == 1
        assert (f"The special magic {sample['key']} number is" in text) is not sample["absent"]
        assert sample["realised_length"] <= 1024
    assert {sample["target"] for sample in absent} == {"It is not there."}
    assert {sample["realised_depth"] for sample in absent} == {None}
    assert {sample["chance"] for sample in samples} == {0.5}


def test_distractors(make, book):
    """Distractors have the needle's form, other keys and other values, and stand all over the hay."""
    builder = make(book(written("english", 60_000)), context_lengths=["4k"], distractors=12)
    for sample in builder.samples():
        text = builder.render(sample).text()
        assert len(sample["distractors"]) == 12
        assert text.count("The special magic") == 13
        assert sample["key"] not in sample["distractors"]
        assert sample["target"] not in sample["distractors"].values()
        for key, value in sample["distractors"].items():
            assert f"The special magic {key} number is: {value}." in text


@pytest.mark.parametrize("key", ["cities", "words", "numbers", "uuids"])
@pytest.mark.parametrize("value", ["numbers", "words", "uuids"])
def test_kinds(make, key, value):
    """Every kind of key goes with every kind of value."""
    builder = make("repeat", key=key, value=value, depths=1)
    sample = builder.samples()[0]
    noun = {"numbers": "number", "words": "word", "uuids": "uuid"}[value]
    assert f"The special magic {sample['key']} {noun} is: {sample['target']}." in builder.render(sample).text()
    assert sample["value_kind"] == noun


def test_own_words(make):
    """Needle, question, instruction and the answer's beginning can be changed from YAML alone."""
    builder = make(
        "repeat",
        depths=1,
        needle="In {city} the code is {number}!",
        question="Which code for {city}?",
        instruction="",
        answer_prefix="Code:",
    )
    sample = builder.samples()[0]
    text = builder.render(sample).text()
    assert f"In {sample['key']} the code is {sample['target']}!" in text
    assert text.endswith(f"\n</context>\nWhich code for {sample['key']}?\nCode:")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"needle": "{wrong}"}, ConfigError, "needle has unknown blanks"),
        ({"needle": "no blanks at all"}, ConfigError, "needle must have the blanks"),
        ({"question": "{value}?"}, ConfigError, "question has unknown blanks"),
        ({"answer_prefix": "{key}"}, ConfigError, "answer_prefix has unknown blanks"),
        ({"key": "citys"}, UnknownOptionError, "did you mean 'cities'"),
        ({"absent": 1.5}, ConfigError, "absent must be between 0 and 1"),
        ({"distractor": 3}, UnknownOptionError, "did you mean 'distractors'"),
        ({"repetition": "maybe"}, UnknownOptionError, "valid: allowed, forbidden"),
    ],
)
def test_wrong_settings(make, settings, error, message):
    """A setting that cannot be used is told before the hay is even opened."""
    with pytest.raises(error, match=message):
        make("books:/nowhere", **settings)


def test_repetition(make, book):
    """A short corpus begins again and the sample says how often, or is refused where that is forbidden."""
    haystack = book(written("english", 12_000))
    sample = make(haystack, context_lengths=["16k"]).samples()[0]
    assert sample["haystack"]["repeats"] >= 3
    assert make(haystack, context_lengths=["1k"], repetition="forbidden").samples()[0]["haystack"]["repeats"] == 0
    with pytest.raises(
        CorpusError, match=r"book\.txt is too short: [\d,]+ bytes, [\d,]+ are needed; .*repetition: allowed"
    ):
        make(haystack, context_lengths=["16k"], repetition="forbidden").samples()


def test_changed_hay_is_noticed(make, book):
    """A sample is not rendered from another text than the one it was made from."""
    sample = make(book(written("english", 9000))).samples()[0]
    with pytest.raises(CorpusError, match=f"is not the one that sample {sample['id']} was made from"):
        make(book(written("english", 9000, seed=1))).render(sample)


def test_keys_in_the_hay_are_not_used(make, book):
    """A city that the hay speaks of is never a needle's key."""
    cities = "Paris, London and Rome. " * 3
    builder = make(book(written("english", 3000) + cities), samples_per_cell=60, depths=5)
    assert not {sample["key"] for sample in builder.samples()} & {"Paris", "London", "Rome"}


def test_many_needles(make, book):
    """All needles are in the text, spread evenly, and asked for in one question in another order."""
    builder = make(book(written("english", 300_000)), MultiNeedleBuilder, context_lengths=["32k"])
    sample = builder.samples()[0]
    text = builder.render(sample).text()
    context, question = text.split("\n</context>\n")
    places = {
        key: context.index(f"The special magic {key} number is: {value}.") for key, value in sample["target"].items()
    }
    order = sorted(places.values())
    assert len(places) == 100
    gaps = [b - a for a, b in pairwise(order)]
    assert max(gaps) < 2.6 * len(context) / 100
    assert question.startswith("What are the special magic numbers of these 100 cities? Give one line for each: ")
    assert ", ".join(places) in question
    assert list(places.values()) != order
    assert "depth" not in sample["question"]
    assert sample["max_gen_toks"] >= 100 * 16


def test_builders_are_named():
    """Every builder's name leads to a class; naming them imports nothing."""
    assert registry().builder("needle").target.endswith(":NeedleBuilder")
    assert registry().builder("multi_needle").target.endswith(":MultiNeedleBuilder")


@pytest.mark.parametrize("source", ["chronicle", "book"])
def test_the_cache_decides_nothing(tmp_path, book, source):
    """Samples are the same from an empty cache and from one that has grown far beyond them."""
    haystack = book(written("english", 400_000)) if source == "book" else source
    for length in ("80k", "300"):
        builder_for(tmp_path / "grown", haystack, context_lengths=[length], samples_per_cell=2).samples()
    lengths = [f"{n}k" for n in (1, 3, 13, 62)]
    for number, length in enumerate(lengths):
        pair = [
            builder_for(
                tmp_path / name, haystack, context_lengths=[length], depths=[0.37], samples_per_cell=2
            ).samples()
            for name in ("grown", f"empty{number}")
        ]
        assert pair[0] == pair[1]


def test_cache_is_not_needed_to_be_shared(tmp_path, book):
    """Two caches give the same prompt."""
    haystack = book(written("hindi", 20_000))
    texts = [
        [builder.render(sample).text() for sample in builder.samples()]
        for builder in (builder_for(tmp_path / name, haystack) for name in "ab")
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"key": "words"}, r"The special magic [a-z]+-[a-z]+ number is: \d{7}\."),
        ({"key": "uuids", "value": "uuids"}, r"The special magic [0-9a-f-]{36} uuid is: [0-9a-f-]{36}\."),
        ({"needle": "{key} = {value}"}, r"[A-Z][a-z]+ = \d{7}"),
    ],
)
def test_hay_of_needles_is_worded_as_the_needle(make, options, line):
    """Every line of such hay has the needle's form, and key and value of the needle stand in one line only."""
    builder = make("needles", context_lengths=["2k"], depths=[0.1, 0.5, 1], **options)
    for sample in builder.samples():
        lines = builder.render(sample).text().split("<context>\n")[1].split("\n</context>")[0].split("\n")
        whole = lines[:-2] + lines[-1:] if sample["hay"]["fill"] else lines  # the last but one may begin within a word
        assert all(re.fullmatch(line, one) for one in whole[:-1])
        holding = [one for one in lines if sample["key"] in one or sample["target"] in one]
        assert len(holding) == 1
        assert re.fullmatch(line, holding[0])
        assert 2048 - 16 < sample["realised_length"] <= 2048


def test_hay_of_needles_never_has_all_keys(make):
    """However long such hay is, some keys are left to ask for, and neighbours have different ones."""
    source = make("needles").corpus.source
    lines = list(islice(source.texts(), 700))
    cities = {line.split()[3] for line in lines}
    assert len(set(lines)) == 700
    assert len(cities) == 255 < len(CITIES)
    assert len({line.split()[3] for line in lines[:255]}) == 255
    (sample,) = make("needles", context_lengths=["64k"], depths=[0.5]).samples()
    assert sample["key"] not in cities


def test_other_hay_of_needles(make):
    """A seed gives other needles, and anything else than a seed is refused."""
    assert make("needles:7").corpus.source.digest != make("needles").corpus.source.digest
    assert next(make("needles:7").corpus.source.texts()) != next(make("needles").corpus.source.texts())
    with pytest.raises(CorpusError, match="whole number"):
        make("needles:uuids").samples()


def test_several_values_of_one_key(make, book):
    """All needles have the key that is asked for, one in each stretch of the hay; the distractor has another."""
    hay = book(written("english", 100_000))
    builder = make(hay, ManyValuesBuilder, context_lengths=["8k"], distractors=1, values=5)
    (sample,) = builder.samples()
    text, key = builder.render(sample).text(), sample["key"]
    said = re.findall(r"One of the special magic numbers of (\w+) is: (\d+)\.", text)
    assert sorted(value for name, value in said if name == key) == sorted(sample["target"])
    assert dict(pair for pair in said if pair[0] != key) == sample["distractors"]
    assert [5 * place // sample["hay"]["units"] for place in sample["needles"]] == pytest.approx([0, 1, 2, 3, 4], abs=1)
    assert sample["question"] == f"What are all special magic numbers of {key}? Give one line for each."
    needle = f"One of the special magic numbers of {key} is: "
    assert builder.passages(sample) == tuple(f"{needle}{value}." for value in sample["target"])
    with pytest.raises(ConfigError, match="must have the blanks"):
        make("repeat", ManyValuesBuilder, question="Which?")
