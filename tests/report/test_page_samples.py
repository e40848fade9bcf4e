"""What the page keeps of samples: answers in pieces, logs of every kind, bounds, previews."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import hypothesis
import hypothesis.strategies as st
import pytest
from made_sweeps import TARGET, block, write_results

from lm_eval_longctx.errors import ResultsError
from lm_eval_longctx.preview import Excerpt
from lm_eval_longctx.report import previews
from lm_eval_longctx.report.answers import Answer, read_answers
from lm_eval_longctx.report.blocks import MOST_CHARACTERS, MOST_SAMPLES, Bounds, sample_blocks
from lm_eval_longctx.report.markup import Anchors, Picture, element, figure, text
from lm_eval_longctx.report.pieces import in_pieces, shortened
from lm_eval_longctx.results import read_runs

LONG = 10_000

READ = [
    ("plain", {}, "plain"),
    ("It is 42.", {"claimed": ["42"]}, [["", "It is "], ["claim", "42"], ["", "."]]),
    ("2 and 1", {"claimed": ["1", "2", "3"]}, [["claim", "2"], ["", " and "], ["claim", "1"]]),
    ("a b a", {"claimed": ["a", "a"]}, [["claim", "a"], ["", " b "], ["claim", "a"]]),
    ("gold", {"given": "gold"}, [["claim", "gold"]]),
    ("51", {"given": 51}, [["claim", "51"]]),
    ("There are 51 of them.", {"given": 51}, [["", "There are "], ["claim", "51"], ["", " of them."]]),
    ("51 and 51", {"given": 51}, "51 and 51"),
    ("1,510", {"given": 51}, "1,510"),
    ("none", {"given": 0}, "none"),
    (
        '{"answer": "red fox"}',
        {"how": "json", "claimed": ["fox"]},
        [["wrapping", '{"answer": "'], ["read", "red "], ["claim", "fox"], ["wrapping", '"}']],
    ),
    (
        "<think>so 7?</think>\nIt is 8",
        {"thoughts": ["so 7?"], "claimed": ["8"]},
        [["thought", "<think>so 7?</think>"], ["", "\nIt is "], ["claim", "8"]],
    ),
    ("[THINK] a [/THINK] b", {"thoughts": ["a"]}, [["thought", "[THINK] a [/THINK]"], ["", " b"]]),
    ("  I cannot tell. ", {"abstained": 1.0}, [["", "  "], ["abstained", "I cannot tell."], ["", " "]]),
    ("the words are not there", {"claimed": ["other"], "thoughts": ["none"]}, "the words are not there"),
    ("odd", {"claimed": {"a": 1}, "thoughts": [None, 3], "how": None}, "odd"),
]


@pytest.mark.parametrize(("answer", "reading", "expected"), READ)
def test_what_was_made_of_an_answer_is_found_in_it(answer, reading, expected):
    """Thoughts with their marks, wrapping, what was read, claims and abstentions are marked where they stand."""
    assert in_pieces(answer, reading, LONG) == expected


@hypothesis.given(
    answer=st.text("ab <think>/{}\"'\n", max_size=80),
    claimed=st.lists(st.text("ab ", max_size=4), max_size=4),
    thoughts=st.lists(st.text("ab <", max_size=6), max_size=3),
    how=st.sampled_from(["whole", "json", "final", "tag", "boxed", "answer", "null"]),
    abstained=st.sampled_from([0.0, 1.0]),
)
def test_pieces_joined_are_the_answer(answer, claimed, thoughts, how, abstained):
    """Whatever is marked, nothing of an answer is lost, doubled or moved."""
    reading = {"claimed": claimed, "thoughts": thoughts, "how": how, "abstained": abstained}
    found = in_pieces(answer, reading, LONG)
    assert (found if isinstance(found, str) else "".join(part for _, part in found)) == answer


@hypothesis.given(length=st.integers(0, 5000), longest=st.integers(4, 3000))
def test_what_is_cut_is_said(length, longest):
    """A text is whole up to its bound; beyond it the beginning and the end are kept, and what is missing is counted."""
    given = "".join(chr(97 + i % 26) for i in range(length))
    found = shortened(given, longest)
    if length <= longest:
        assert found == given
        return
    (_, head), (kind, said), (_, tail) = found
    missing = int(said.split()[0].replace(",", ""))
    assert kind == "cut"
    assert len(head) + missing + len(tail) == length
    assert given.startswith(head)
    assert given.endswith(tail)
    assert len(head) + len(tail) <= longest


DOC = {"id": "1", "context_label": "1k", "depth": 0.5, "question": "Which?", "target": ["a", "b"]}

LOGS = {
    "nothing but the sample": ({}, {"answer": "", "outcome": "", "tokens": {}, "recipe": "", "target": '["a", "b"]'}),
    "another model's": ({"arguments": {"gen_args_0": {"arg_0": "the whole prompt"}}}, {"recipe": "", "key": ""}),
    "an answer": ({"resps": [["yes"]], "exact": 1.0}, {"answer": "yes", "score": 1.0, "values": {"exact": 1.0}}),
    "filtered only": ({"filtered_resps": ["yes"]}, {"answer": "yes"}),
    "a likelihood": ({"resps": [[[-12.5, False]]]}, {"answer": "[-12.5, false]"}),
    "a rate": ({"exact": [1, 2]}, {"score": None, "values": {}}),
    "a flag": ({"exact": True}, {"score": None}),
    "a call": (
        {
            "arguments": {
                "gen_args_0": {
                    "arg_0": "longctx:t@1/1?length=1k",
                    "arg_3": {
                        "completions": [
                            {
                                "outcome": "refused",
                                "detail": "no",
                                "usage": {"prompt_tokens": 5, "cost": 0.25, "by_modality": {"text": 5}},
                                "seconds": 2.5,
                                "attempts": 3,
                                "key": "abc",
                                "notes": ["n"],
                                "replayed": True,
                                "counted_tokens": 6,
                            }
                        ]
                    },
                }
            },
            "reading": [{"outcome": "unparsed", "note": "unparsed: why", "how": "json", "claimed": ["4"]}],
        },
        {
            "recipe": "longctx:t@1/1?length=1k",
            "outcome": "unparsed",
            "why": "unparsed: why",
            "read": {"how": "json", "claimed": ["4"]},
            "detail": "no",
            "tokens": {"prompt_tokens": 5, "counted": 6},
            "cost": 0.25,
            "seconds": 2.5,
            "attempts": 3,
            "key": "abc",
            "notes": ["n"],
            "replayed": True,
        },
    ),
}


@pytest.mark.parametrize("logged", LOGS.values(), ids=list(LOGS))
def test_logs_of_every_kind_are_read(logged, tmp_path):
    """What a log holds of a sample is kept, of any version and any model; what it does not hold is empty."""
    line, expected = logged
    file = tmp_path / "samples.jsonl"
    file.write_text(json.dumps({"doc": DOC, **line}) + "\n")
    (answer,) = read_answers(file, ["exact", "f1"])["1k", 0.5]
    told = json.loads(answer.plain)
    assert told["line"] == answer.line == 1
    assert {name: told[name] for name in expected} == expected


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@hypothesis.given(st.dictionaries(st.sampled_from(["doc", "arguments", "resps", "reading", "exact"]), ODD), ODD, ODD)
def test_odd_logs_are_read_or_refused_in_words(tmp_path_factory, line, call, read):
    """Whatever stands in a log, it is shown or refused: no other error comes of it."""
    file = tmp_path_factory.mktemp("odd") / "samples.jsonl"
    whole = {"doc": DOC, "reading": [read], "arguments": {"gen_args_0": {"a": "", "b": {"completions": [call]}}}}
    file.write_text(json.dumps({**whole, **line}))
    try:
        answers = read_answers(file, ["exact"])
    except ResultsError:
        return
    assert all(json.loads(one.plain) for some in answers.values() for one in some)


def test_repeats_are_answers_of_their_own(tmp_path):
    """Each of several answers to a sample is shown with its own outcome, and says which it is."""
    calls = [{"outcome": "complete"}, {"outcome": "refused"}]
    arguments = {"gen_args_0": {"arg_0": "longctx:x", "arg_1": {"completions": calls}}}
    file = tmp_path / "samples.jsonl"
    file.write_text(json.dumps({"doc": DOC, "resps": [["one", "two"]], "arguments": arguments}))
    told = [json.loads(answer.plain) for answer in read_answers(file, ["exact"])["1k", 0.5]]
    assert [(one["answer"], one["outcome"], one["answer_of"]) for one in told] == [
        ("one", "complete", [1, 2]),
        ("two", "refused", [2, 2]),
    ]


def test_what_json_cannot_hold_is_read_all_the_same(tmp_path):
    """NaN, huge numbers and lone surrogates in a log are no reason to stop."""
    file = tmp_path / "samples.jsonl"
    file.write_text('{"doc": %s, "exact": NaN, "f1": 1%s, "resps": [["\\ud800"]]}' % (json.dumps(DOC), "0" * 30))  # noqa: UP031
    (answer,) = read_answers(file, ["exact", "f1"])["1k", 0.5]
    assert json.loads(answer.plain)["answer"] == "\ud800"


def test_the_more_samples_the_less_is_kept_of_each(tmp_path):
    """Few samples are kept with long texts; of very many the texts are short, and a cell has its share."""
    write_results(tmp_path, {"t": block()})
    (tmp_path / "samples_t_2026-01-01T00.jsonl").write_text("")
    (run,) = read_runs([tmp_path])
    assert Bounds.of([run]) == Bounds()
    for n in (20_000, 100_000, 3_000_000):
        many = replace(run, block={**run.block, "summary": {**run.block["summary"], "n": n}})
        bounds = Bounds.of([many])
        assert bounds.longest * min(n, MOST_SAMPLES) <= MOST_CHARACTERS
        assert bounds.most * len(run.block["cells"]) <= MOST_SAMPLES or n <= MOST_SAMPLES


def test_samples_beyond_the_bound_are_counted():
    """A cell holds as many samples as there is room for, and says how many are not there."""
    answers = {("1k", 0.5): [Answer(str(n), n, 1.0, b'{"id":"%d"}' % n) for n in range(5)]}
    about = {("1k", 0.5): {"task": "t"}, ("8k", 0.5): {"task": "t"}}
    packed = sample_blocks(answers, about, Bounds(most=2), {("t", "1"): 7})
    first, second = (json.loads(gzip.decompress(base64.b64decode(one))) for one in packed.values())
    assert first == {"task": "t", "left_out": 3, "samples": [{"id": "0"}, {"id": "1", "around": 7}]}
    assert second == {"task": "t", "left_out": 0, "samples": []}


class Made:
    """Stands for what makes prompts again."""

    def __init__(self, *_):
        self.asked = []

    def excerpts(self, sample):
        if sample["id"] == "broken":
            raise ResultsError("it cannot be made")
        if sample["id"] == "older":
            raise KeyError("overlap")
        yield Excerpt("text", sample["id"], text="needle")
        yield from (Excerpt("audio", "big", data=b"x" * 150_000) for _ in range(2))


def previewed(tmp_path, monkeypatch, scores, most=60, **changes):
    """Make previews for one cell of samples with given scores."""
    write_results(tmp_path, {"t": block()})
    file = tmp_path / "samples_t_2026-01-01T00.jsonl"
    file.write_text("".join(json.dumps({"doc": {**DOC, "id": name}}) + "\n" for name in scores))
    (run,) = read_runs([tmp_path])
    cells = {place: [] for place in (("1k", 0.0), ("8k", 0.0))}
    for number, (name, score) in enumerate(scores.items(), 1):
        cells["8k" if "8k" in name else "1k", 0.0].append(Answer(name, number, score, b"{}"))
    monkeypatch.setattr(previews, "Recipes", Made)
    for name, value in changes.items():
        monkeypatch.setattr(previews, name, value)
    return previews.make_previews([run], [cells], most)


def test_previews_are_of_the_worst_and_few(tmp_path, monkeypatch):
    """The worst answered sample of each cell is previewed, cells that are not perfect first, within bounds of size."""
    found = previewed(tmp_path, monkeypatch, {"1k good": 1.0, "1k other": 1.0, "8k none": None, "8k bad": 0.25})
    assert list(found.around) == [("t", "8k bad"), ("t", "1k good")]
    assert [one["caption"] for one in found.around["t", "8k bad"]] == [
        "8k bad",
        "big",
        "left out here: 1 more of what lies around this sample's needles",
    ]
    assert found.note == ""


def test_previews_have_bounds(tmp_path, monkeypatch):
    """No more than asked for, none after the time is over, none of prompts that are too long."""
    scores = {"1k a": 0.0, "8k b": 0.0}
    assert list(previewed(tmp_path, monkeypatch, scores, 1).around) == [("t", "1k a")]
    assert previewed(tmp_path, monkeypatch, scores, 0).around == {}
    assert previewed(tmp_path, monkeypatch, scores, _SECONDS=-1).around == {}
    short = previewed(tmp_path, monkeypatch, scores, _SECONDS=9, _LONGEST={"tokens": 2000})
    assert list(short.around) == [("t", "1k a")]


def test_a_prompt_that_cannot_be_made_again_is_said_once(tmp_path, monkeypatch):
    """Where a task's prompts cannot be made again, the reason is told and the report goes on."""
    for name, reason in (("broken", "t: it cannot be made"), ("older", "t: KeyError: 'overlap'")):
        found = previewed(tmp_path, monkeypatch, {name: 0.0, "9k b": 0.0})
        assert (found.around, found.note) == ({}, reason)


def test_names_of_places_are_each_used_once():
    """The same parts give the same name of a place, others never do, whatever characters they have."""
    anchors = Anchors()
    names = [anchors.of(*parts) for parts in (("a/b", "1"), ("a-b", "1"), ("a/b", "1"), ("a", "b/1"), ("ä b",))]
    assert names[0] == names[2]
    assert len(set(names)) == 4


def test_texts_and_attributes_cannot_break_out():
    """What comes from elsewhere is escaped, and long names may be broken at their joints only."""
    assert element("p", text("<a_b/c>"), class_='"x') == '<p class="&quot;x"><bdi>&lt;a_<wbr>b/<wbr>c&gt;</bdi></p>'
    shown = figure(Picture("t", "lengths", 'a "b"', b"<svg/>"))
    assert shown.startswith('<figure><img alt="a &quot;b&quot;" src="data:image/svg+xml;base64,')
    assert TARGET in element("p", TARGET)
