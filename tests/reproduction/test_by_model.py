"""Tables of models: what a paper makes of a row is what it printed, and ours follows by the same rule."""

from __future__ import annotations

import pytest

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.papers import Part, Point, Published, chosen_parts, read_paper
from lm_eval_longctx.papers.definition import Statistic
from lm_eval_longctx.reproduction.by_model import OURS, mean_rows, model_cells, statistics
from lm_eval_longctx.reproduction.comparing import Ours, Row, table_rows

RULER = """
Gemini 1.5 Pro|95.8|95.5|96.1|128k or more
GPT-4 (1106-preview)|91.6|89.0|94.1|64k
Llama 3.1 (70B)|89.6|85.5|93.7|64k
Qwen2 (72B)|85.9|79.6|92.3|32k
Command-R-plus (104B)|87.4|82.7|92.1|32k
GLM4 (9B)|89.9|88.0|91.7|64k
Llama 3.1 (8B)|88.3|85.4|91.3|32k
GradientAI/Llama3 (70B)|86.5|82.6|90.3|16k
Mixtral-8x22B (39B/141B)|81.9|73.5|90.3|32k
Yi (34B)|87.5|84.8|90.1|32k
Phi3-medium (14B)|81.5|74.8|88.3|32k
Mistral v0.2 (7B)|68.4|55.6|81.2|16k
LWM (7B)|72.8|69.9|75.7|below 4k
DBRX (36B/132B)|56.3|38.0|74.7|8k
Together (7B)|50.3|33.8|66.7|4k
LongChat (7B)|49.1|33.1|65.2|below 4k
LongAlpaca (13B)|36.3|24.7|47.9|below 4k
"""
"""What the paper prints behind the lengths: mean, both weighted means and effective length (its >128K and <4K)."""

NOLIMA = """
GPT-4.1|16k
GPT-4o|8k
Llama 3.3 70B|2k
Llama 3.1 405B|2k
Llama 3.1 70B|2k
Gemini 2.5 Flash (no thinking)|2k
Gemini 1.5 Pro|2k
Jamba 1.5 Mini|below 1k
Command R+|below 1k
Llama 4 Maverick|2k
Gemini 2.0 Flash|4k
Gemma 3 27B|below 1k
Mistral Large 2|2k
Claude 3.5 Sonnet|4k
Gemma 3 12B|1k
GPT-4o mini|below 1k
Gemini 1.5 Flash|below 1k
Llama 4 Scout|1k
GPT-4.1 Mini|below 1k
GPT-4.1 Nano|below 1k
Llama 3.1 8B|1k
Gemma 3 4B|below 1k
"""


def of_paper(name, part):
    """Return a paper's part with its rows, nothing of ours among them."""
    (found,) = [one for one in read_paper(name).parts if one.id == part]
    return found, table_rows(found, [])


@pytest.mark.parametrize(("paper", "part", "printed"), [("ruler", "mean", RULER), ("nolima", "association", NOLIMA)])
def test_what_papers_print_follows_from_their_figures(paper, part, printed):
    """Every mean and effective length that a paper prints follows from our file: no figure was mistyped."""
    part, rows = of_paper(paper, part)
    made = statistics(part, rows)
    lines = [line.split("|") for line in printed.strip().splitlines()]
    assert {model for model, *_ in lines} == set(made) - {OURS, "Llama2 (7B)"}
    for model, *means, far in lines:
        *ours, last = [one.text for one in made[model].values()]
        assert last == far, model
        # They are made of figures with more digits than are printed
        assert not means or list(map(float, ours)) == pytest.approx(list(map(float, means)), abs=0.1 + 1e-6), model


def test_our_row_stands_first_with_its_interval():
    """Ours is the first row, with interval and counts below it; a mean says which lengths it lacks."""
    statistic = (Statistic("average", "mean", "equal"), Statistic("effective", "at_least", 0.5))
    part = Part("p", "A table", "1", "exact", statistics=statistic)
    published = Published("Some model", (Point(4096, 0.9), Point(8192, 0.4)), "", (), "a source")
    pairs = [((published, point),) for point in published.points]
    rows = [
        Row("", "1k", 1024, Ours(0.2, 0.1, 0.3, 10, 9)),
        Row("", "4k", 4096, Ours(0.75, 0.6, 0.9, 10, 10), pairs[0]),
        Row("", "8k", 8192, None, pairs[1]),
    ]
    heads, cells = model_cells(part, rows)
    assert heads == ("model (%)", "1k", "4k", "8k", "average", "effective")
    assert cells == (
        ("ours", "20.0", "75.0", "-", "75.0 (1 of 2 lengths)", "4k or more"),
        ("95 %", "[10.0, 30.0]", "[60.0, 90.0]", "", "", ""),
        ("scored", "9 of 10", "10 of 10", "", "", ""),
        ("Some model", "-", "90.0", "40.0", "65.0", "4k"),
    )


def test_a_share_of_a_base_score_that_is_ours():
    """Our base score is the best at short lengths, the threshold a share of it; a published base score stands."""
    statistic = (Statistic("base", "best_to", 1024.0), Statistic("effective", "at_least", 0.85, "base"))
    part = Part("p", "A table", "1", "exact", statistics=statistic)
    base = Published("Some model", (Point(None, 0.99),), "base", (), "a source")
    there = Published("Some model", (Point(1024, 0.9),), "", (), "a source")
    rows = [
        *(Row("", f"{n}", n, Ours(value)) for n, value in [(256, 0.7), (1024, 0.8), (2048, 0.69), (4096, 0.1)]),
        Row("", "1000", 1000, None, ((there, there.points[0]),)),
        Row("base", published=((base, base.points[0]),)),
    ]
    made = statistics(part, sorted(rows, key=lambda row: row.amount or 1e9))
    assert [one.text for one in made[OURS].values()] == ["80.0", "2048"]
    assert [one.text for one in made["Some model"].values()] == ["99.0", "1000 or more"]
    nothing = statistics(part, [Row("", "1k", 1024, Ours(0.0)), Row("", "2k", 2048, Ours(0.0))])
    assert [one.text for one in nothing[OURS].values()] == ["0.0", "-"]


@pytest.mark.parametrize(
    ("scores", "value", "scored"),
    [([1.0, 0.5], 0.75, 2), ([1.0, None], 1.0, 1), ([None, None], None, 0)],
)
def test_a_mean_of_tables_counts_each_alike(scores, value, scored):
    """At each length the mean is over tables that have a score, and says how many of all have one."""
    members = [[Row("", "4k", 4096, Ours(one, one, one, 7, 7) if one is not None else Ours(None))] for one in scores]
    (row,) = mean_rows(members)
    assert (row.ours.value, row.ours.scored, row.ours.n) == (value, scored, 2)


def test_the_interval_of_a_mean_narrows_with_the_number_of_tables():
    """Nine tables with ends a tenth away have a mean whose ends are a thirtieth away, unless one has no interval."""
    members = [[Row("", "4k", 4096, Ours(0.5, 0.4, 0.6, 7, 7))]] * 9
    (row,) = mean_rows(members)
    assert (row.ours.low, row.ours.high) == pytest.approx((0.5 - 1 / 30, 0.5 + 1 / 30))
    (row,) = mean_rows([*members, [Row("", "4k", 4096, Ours(0.5))]])
    assert row.ours.low is None


def test_a_mean_brings_the_parts_that_it_is_of():
    """Who asks for the mean alone gets the parts that it is of, too."""
    paper = read_paper("ruler")
    assert chosen_parts(paper, "mean") == list(paper.parts)
    assert [part.id for part in chosen_parts(paper, "single")] == ["single-1", "single-2", "single-3"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mean_of": ["nedle"]}, "nedle"),
        ({"mean_of": ["other"], "full": [{"task": "longctx_text_niah"}]}, "does not belong here"),
        ({"statistics": {"average": {"men": "equal"}}}, "did you mean 'mean'"),
        ({"statistics": {"average": {"mean": "equals"}}}, "did you mean 'equal'"),
        ({"statistics": {"average": {}}}, "one of mean, best_to, at_least"),
        ({"statistics": {"far": {"at_least": "much"}}}, "is no score"),
        ({"statistics": {"far": {"at_least": 0.5, "of": "base"}}}, "base"),
        ({"statistics": {"base": {"best_to": "1 mile"}}}, "is not a number of tokens"),
    ],
)
def test_a_mistake_in_a_statistic_names_what_was_meant(tmp_path, changes, told):
    """Unknown parts, kinds, weights and thresholds are errors that say where."""
    import yaml

    about = {"title": "T", "section": "1", "metric": "recall", "differences": ["x"]}
    parts = [{"id": "other", **about}, {"id": "table", **about, **changes}]
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"title": "A", "source": "B", "parts": parts}), encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        read_paper(str(path))
