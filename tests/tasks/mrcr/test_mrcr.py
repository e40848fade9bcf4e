"""Co-reference over rounds: exact lengths, one right answer, and the public sets."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.errors import ConfigError, CorpusError, LengthError
from lm_eval_longctx.hay.base import BuildContext
from lm_eval_longctx.hay.text.tokenizers import load_tokenizer
from lm_eval_longctx.plan import Rng
from lm_eval_longctx.scorers.sequence_match import SequenceMatchScorer
from lm_eval_longctx.stats.blind import blind_floor
from lm_eval_longctx.sweep import parse_sweep
from lm_eval_longctx.tasks.mrcr.builder import ORDINALS, MrcrBuilder
from lm_eval_longctx.tasks.mrcr.conversation import RoundsSource, rounds_of
from lm_eval_longctx.tasks.mrcr.needle import Request, draw_request, write
from lm_eval_longctx.tasks.mrcr.public import MrcrV2Builder, OpenAiMrcrBuilder
from lm_eval_longctx.tasks.mrcr.words import FORMS, STYLES, TOPICS
from lm_eval_longctx.units import Unit

QUESTION = re.compile(r"Prepend (\w+) to the (\w+) (.+?) that the assistant wrote")
GOLDEN_HAY = "e948e61a200db811bb34a27d6a025eef34e50f5d8e11fceebd275a58566c2295"
GOLDEN_PROMPT = "429c63bfaf2d1efb5a30c0221b923a53334eff2e9dba6db951a8d986b08e7278"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where conversations are kept."""
    return tmp_path_factory.mktemp("cache")


def make(cache, builder=MrcrBuilder, **metadata):
    given = {"version": 1, "context_lengths": ["2k"], "depths": 3, **metadata}
    sweep = parse_sweep(
        given,
        task="longctx_text_mrcr",
        unit=Unit.TOKENS,
        options=(*builder.OPTIONS, *SequenceMatchScorer.OPTIONS),
        has_depth=builder.HAS_DEPTH,
    )
    return builder(sweep, BuildContext(resolve_source=str, cache_dir=cache))


def oracle(prompt):
    """Read the conversation and do what is asked, knowing nothing but the prompt."""
    prefix, ordinal, piece = QUESTION.search(prompt[-400:]).groups()
    answers = [answered for asked, answered in rounds_of(prompt) if asked.rstrip(".").endswith(f" {piece}")]
    return prefix + answers[ORDINALS.index(ordinal)], [prefix + answer for answer in answers]


@pytest.mark.parametrize(
    ("needles", "each"),
    [*((n, 8) for n in (2, 4, 8)), *(pytest.param(n, 20, marks=pytest.mark.slow) for n in (2, 4, 8))],
)
def test_oracle_is_right_and_guessing_is_at_the_noise_floor(cache, needles, each):
    """Over 80 samples, or 200, reading gives 1, guessing among the like answers the floor, a blind text about 0."""
    builder = make(cache, context_lengths=["2k", "4k"], depths=5, samples_per_cell=each, needles=needles)
    scorer = SequenceMatchScorer(dict(builder.sweep.options))
    scores = {"oracle": [], "guess": [], "blind": [], "floor": []}
    for number, sample in enumerate(builder.samples()):
        right, alike = oracle(builder.render(sample).text())
        assert len(alike) == needles
        scores["oracle"].append(scorer.score(sample, right)["match"])
        scores["guess"].append(scorer.score(sample, alike[number % needles])["match"])
        scores["floor"].append(scorer.score(sample, right)["noise_floor"])
        scores["blind"].append(scorer.score(sample, sample["prefix"] + "The quick brown fox. " * 20)["match"])
    mean = {name: sum(values) / len(values) for name, values in scores.items()}
    assert len(scores["oracle"]) == 10 * each
    assert min(scores["oracle"]) == 1
    assert mean["guess"] == pytest.approx(mean["floor"], abs=0.08)
    assert 1 / needles < mean["floor"] < 1 / needles + 0.12
    assert mean["blind"] < 0.1


def test_who_does_not_read_scores_what_the_samples_say(cache):
    """The best of all blind solvers matches no more of the right text than another writing for the request does."""
    builders = [make(cache, context_lengths=["2k"], depths=3, samples_per_cell=4, seed=seed) for seed in (1, 2)]
    scorer = SequenceMatchScorer(dict(builders[0].sweep.options))
    (floor,) = blind_floor(*(b.samples() for b in builders), lambda sample, said: scorer.score(sample, said)["match"])
    assert 0.05 < floor.score <= floor.bound
    assert floor.bound < 0.35


@settings(max_examples=12)
@given(length=st.integers(1500, 20_000), depth=st.floats(0, 1), seed=st.integers(0, 3))
def test_length_is_hit_and_depth_is_near(cache, length, depth, seed):
    """A prompt is never longer than asked, at most 16 tokens shorter, and its depth is right to a round."""
    builder = make(cache, context_lengths=[length], depths=[depth], seed=seed)
    (sample,) = builder.samples()
    tokens = load_tokenizer("o200k_base").count(builder.render(sample).text())
    assert tokens == sample["realised_length"]
    assert length - 16 < tokens <= length
    assert abs(sample["realised_depth"] - depth) * length < 400 or sample["hay"]["units"] < 2
    assert len(json.dumps(sample)) < 3000


def test_hay_never_holds_what_is_asked():
    """Hay and questions share no request, and both cover every form, style and topic."""
    every = [Request(form, style, topic) for form in FORMS for style in STYLES for topic in TOPICS]
    kept = [request for request in every if request.reserved]
    assert len(kept) == len(every) / 8
    for part in (kept, [request for request in every if not request.reserved]):
        assert {r.form for r in part} == set(FORMS)
        assert {r.style for r in part} == set(STYLES)
        assert {r.topic for r in part} == set(TOPICS)
    rng = Rng("x")
    assert not any(draw_request(rng, reserved=False).reserved for _ in range(500))


def test_writings_are_readable():
    """Nothing unfilled, doubled or lower-cased at the start of a sentence is left in a writing, in any form."""
    for number in range(400):
        rng = Rng(f"read{number}")
        text = write(draw_request(rng, reserved=bool(number % 2)), rng)
        assert not re.search(r"[{}\[\]|]|  |\b[Aa] [aeiou]\w|\ban (?!hour)[^aeiou\W]", text), text
        assert not re.search(r"[.!?] [a-z]", text), text
        assert 50 < len(text.split()) < 200


def test_writings_differ():
    """Of 2,000 writings for the same request no two are alike."""
    request = Request("riddle", "dry", "kites")
    assert len({write(request, Rng(str(i))) for i in range(2000)}) == 2000


def test_the_rounds_come_apart_as_they_were_put_together(cache):
    """As turns of a chat, the conversation has the same rounds as the text, and the question last."""
    text = make(cache).samples()[0]
    as_text = make(cache).render(text)
    builder = make(cache, rounds="turns")
    as_turns = builder.render(builder.samples()[0])
    spoken = [(turn.role, "".join(part.text for part in turn.parts)) for turn in as_turns.turns]
    assert [role for role, _ in spoken] == ["user", "assistant"] * (len(spoken) // 2) + ["user"]
    pairs = list(zip((t for _, t in spoken[:-1:2]), (t for _, t in spoken[1::2]), strict=True))
    assert pairs == rounds_of(as_text.text())[: len(pairs)]
    assert spoken[-1][1].startswith("Prepend ")


def test_the_same_sample_gives_the_same_bytes(cache, tmp_path):
    """Hay and prompt are functions of seed and version: their digests never change."""
    hay = "".join(text for text, _ in zip(RoundsSource.seeded(0).texts(), range(200), strict=False))
    assert hashlib.sha256(hay.encode()).hexdigest() == GOLDEN_HAY
    sample = make(cache).samples()[0]
    assert make(tmp_path).render(sample).digest == make(cache).render(sample).digest == GOLDEN_PROMPT


def test_adding_a_length_changes_no_other_sample(cache):
    """Samples depend on what they are, not on what else is asked."""
    alone = {sample["id"]: sample for sample in make(cache).samples()}
    among = {
        sample["id"]: sample for sample in make(cache, context_lengths=["2k", "3k"], depths=[0, 0.5, 0.7, 1]).samples()
    }
    assert len(alone) == 3
    assert all(among[name] == sample for name, sample in alone.items())


def test_bad_settings_are_refused(cache):
    """A length without room, another haystack and a question without its blanks get one clear line each."""
    with pytest.raises(LengthError, match="ask for context_lengths above"):
        make(cache, context_lengths=[600], needles=8).samples()
    with pytest.raises(ConfigError, match="set haystack to rounds"):
        make(cache, haystack="chronicle")
    with pytest.raises(ConfigError, match=r"\{ordinal\}"):
        make(cache, question="Prepend {prefix} to the {piece}.")


def test_another_seed_is_another_conversation(cache):
    """``rounds:1`` shares no round with ``rounds``."""
    first, second = (make(cache, haystack=spec, needles=2) for spec in ("rounds", "rounds:1"))
    texts = [set(rounds_of(builder.render(builder.samples()[0]).text())) for builder in (first, second)]
    shared = {pair for pair in texts[0] & texts[1] if "weather" not in pair[0]}
    assert len(shared) <= 2  # the needles belong to the sample


@pytest.fixture(scope="module")
def tables(tmp_path_factory, cache):
    """Small tables in the public sets' own columns, made from generated conversations."""
    import datasets

    folder = tmp_path_factory.mktemp("tables")
    openai, v2 = [], []
    for needles in (2, 4):
        builder = make(cache, context_lengths=["2k", "4k"], depths=3, needles=needles, rounds="turns")
        plain = make(cache, context_lengths=["2k", "4k"], depths=3, needles=needles)
        for sample in builder.samples():
            answer = sample["prefix"] + sample["target"]
            turns = builder.render(sample).turns
            messages = [{"role": t.role, "content": t.parts[0].text} for t in turns]
            openai.append(
                {
                    "prompt": json.dumps(messages),
                    "answer": answer,
                    "random_string_to_prepend": sample["prefix"],
                    "n_needles": needles,
                    "desired_msg_index": 1,
                    "total_messages": len(messages),
                    "n_chars": sum(len(m["content"]) for m in messages),
                }
            )
            row = {"queries": plain.render(sample).text(), "answer": answer, "view_ops": sample["question"]}
            v2.append({**row, "context_len": sample["realised_length"]})
    datasets.Dataset.from_list(openai).to_parquet(str(folder / "needles.parquet"))
    datasets.Dataset.from_list(v2).to_csv(str(folder / "v2.csv"))
    return folder


@pytest.mark.parametrize(("name", "builder"), [("needles.parquet", OpenAiMrcrBuilder), ("v2.csv", MrcrV2Builder)])
def test_public_tables_are_read(tables, cache, name, builder):
    """Rows of the asked lengths become samples whose prompt is the row's, and whose oracle is right."""
    made = make(cache, builder, haystack=f"file:{tables / name}", context_lengths=["2k", "4k"], samples_per_cell=3)
    samples = made.samples()
    assert [sample["context_label"] for sample in samples] == ["2k", "4k"] * 3
    scorer = SequenceMatchScorer(dict(made.sweep.options))
    for sample in samples:
        prompt = made.render(sample)
        text = "\n\n".join(part.text for part in prompt.parts())
        assert sample["context_length"] / 2 < sample["realised_length"] <= sample["context_length"]
        assert sample["target"] in text
        assert scorer.score(sample, sample["prefix"] + sample["target"])["match"] == 1
        assert len(json.dumps(sample)) < 4000


def test_openai_rows_tell_their_noise_floor(tables, cache):
    """In OpenAI's set the other answers to the same request are found, and with them the noise floor."""
    made = make(cache, OpenAiMrcrBuilder, haystack=f"file:{tables / 'needles.parquet'}", needles=4, samples_per_cell=2)
    for sample in made.samples():
        assert len(sample["openings"]) == 4
        assert 0.25 < sample["noise_floor"] < 0.45
        assert [turn.role for turn in made.render(sample).turns][-1] == "user"


def test_public_tables_say_what_is_wrong(tables, cache, tmp_path):
    """No table, a foreign table, a length without rows and a changed row get one clear line each."""
    with pytest.raises(CorpusError, match="set haystack to file"):
        make(cache, MrcrV2Builder).samples()
    with pytest.raises(CorpusError, match="no column queries"):
        make(cache, MrcrV2Builder, haystack=f"file:{tables / 'needles.parquet'}").samples()
    with pytest.raises(CorpusError, match="holds no table"):
        make(cache, MrcrV2Builder, haystack=f"file:{tmp_path}").samples()
    spec = f"file:{tables / 'v2.csv'}"
    with pytest.raises(LengthError, match="no prompt between 32,768 and 65,536"):
        make(cache, MrcrV2Builder, haystack=spec, context_lengths=["64k"]).samples()
    made = make(cache, MrcrV2Builder, haystack=spec)
    with pytest.raises(CorpusError, match="has changed"):
        made.render({**made.samples()[0], "row_digest": "0"})
