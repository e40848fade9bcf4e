"""The file of a matrix: read strictly, and every mistake in it is said with what was probably meant."""

from __future__ import annotations

import re
from itertools import product

import pytest
import yaml

from lm_eval_longctx.errors import ConfigError, LongctxError
from lm_eval_longctx.matrix import EXAMPLE, cells_of, read_matrix, whole_sweeps
from lm_eval_longctx.matrix.specification import OPTIONS, parse_matrix

GOOD = {"models": ["echo/tail"], "tasks": ["longctx_text_niah"], "lengths": ["1k"]}


def changed(**changes):
    return {**GOOD, **changes}


def test_the_example_is_a_matrix_that_names_every_key(tmp_path):
    """What ``--example`` prints is read, also with all that stands in comments, and shows every key that there is."""
    path = tmp_path / "first.yaml"
    path.write_text(EXAMPLE)
    matrix = read_matrix(path)
    assert (len(matrix.models), len(matrix.seeds), matrix.budget, matrix.name) == (2, 3, 25, "first-look")
    keys = {line.strip("# ").partition(":")[0] for line in EXAMPLE.splitlines()}
    assert {option.name for option in OPTIONS} - keys == {"include_path"}
    bare = "".join(
        line.replace("# ", "", 1) + "\n" for line in EXAMPLE.splitlines() if line.startswith(("# ray", "# l"))
    )
    path.write_text(EXAMPLE + bare)
    assert read_matrix(path).ledger == "postgresql://user@host/longctx"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**GOOD, "lenghts": ["1k"]}, "did you mean 'lengths'"),
        ({"models": ["a/b"], "tasks": ["t"]}, "needs lengths"),
        (changed(models=[]), "needs models"),
        (changed(models=["a/b", "a/b"]), "stands there twice"),
        (changed(models=["a/b", {"model": "a/b"}]), "two models are called a_b"),
        (changed(models=[{"model": "a/b", "argz": {}}]), "did you mean 'args'"),
        (changed(models=[{"args": {}}]), "names no model"),
        (changed(models=[{"model": "a/b", "name": "x/../../y"}]), "no '/'"),
        (changed(models=[{"model": "a/b", "name": ".."}]), "must have a letter"),
        (changed(lengths=["4k", "1k", 4096]), "4k and 4096 are the same"),
        (changed(lengths=["60m", "1h"]), "60m and 1h are the same"),
        (changed(models=[3]), "neither provider/model nor"),
        (changed(models=[{"model": "a/b", "args": {"ledger": "x"}}]), "ledger belongs to the matrix"),
        (changed(models=[{"model": "a/b", "args": {"max_cost": 3}}]), "max_cost belongs to the matrix"),
        (changed(tasks=["longctx_*"]), "not the name of one task"),
        (changed(tasks=["a,b"]), "not the name of one task"),
        (changed(seeds=["x"]), "not a whole number"),
        (changed(seeds=[1, 1]), "1 stands there twice"),
        (changed(seeds=[True]), "not a whole number"),
        (changed(metadata={"seed": 3}), "metadata.seed does not go with a matrix"),
        (changed(metadata={"context_lengths": ["1k"]}), "metadata.context_lengths"),
        (changed(metadata={"adaptive": True}), "metadata.adaptive"),
        (changed(budget=0), "budget must be above 0"),
        (changed(workers=0), "workers must be 1 or more"),
        (changed(ray="auto"), "cannot write a ledger on this one"),
        (changed(ledger="none"), "needs a ledger"),
        (changed(ledger="postgresql://me:secret@host/db"), "leave the password out"),
        (changed(name="a/b"), "letters, digits"),
    ],
)
def test_a_mistake_is_said_with_what_was_meant(given, words):
    """Unknown keys, empty and doubled lists, what belongs elsewhere and what does not go together are refused."""
    with pytest.raises(LongctxError, match=words) as found:
        parse_matrix(given, "m")
    assert "secret" not in str(found.value)


@pytest.mark.parametrize("text", ["a: [", "- a\n", "", "3"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    """A file that is no YAML mapping, and one that is not there, are refused in one line."""
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"m\.yaml"):
        read_matrix(path)
    with pytest.raises(ConfigError, match="--example"):
        read_matrix(tmp_path / "none.yaml")


def test_there_is_a_cell_for_each_combination():
    """Cells are the whole product, each with a name and a digest of its own, merging to one a model, task and seed."""
    names = (["a/b", "c/d"], ["t", "u"], ["1k", "2k", "4k"], [1, 2])
    matrix = parse_matrix(dict(zip(("models", "tasks", "lengths", "seeds"), names, strict=True)), "m")
    cells = list(cells_of(matrix))
    found = {(cell.model.model, cell.task, *cell.lengths, cell.seed) for cell in cells}
    assert found == set(product(*names))
    assert len({cell.id for cell in cells}) == len({cell.digest for cell in cells}) == 24
    sweeps = list(whole_sweeps(cell for cell in cells if cell.lengths != ("2k",)))
    assert [sweep.lengths for sweep in sweeps] == [("1k", "4k")] * 8
    assert len({sweep.id for sweep in sweeps} | {cell.id for cell in cells}) == 32


def test_only_what_changes_answers_makes_another_cell():
    """Where the ledger is and what may be spent do not make a finished cell run again; everything else does."""

    def digest(**changes):
        (cell,) = cells_of(parse_matrix(changed(**changes), "m"))
        return cell.digest

    same = [{"ledger": "x"}, {"budget": 3}, {"output": "o"}, {"workers": 9}, {"retries": 0}, {"shared_cache": "s"}]
    assert {digest(**changes) for changes in same} == {digest()}
    others = [{"limit": 3}, {"metadata": {"depths": 3}}, {"seeds": [7]}, {"models": ["echo/head"]}]
    others += [{"models": [{"model": "echo/tail", "args": {"temperature": 1}}]}, {"lengths": ["2k"]}]
    assert len({digest(), *(digest(**changes) for changes in others)}) == 7


def test_what_lm_eval_is_told_is_plain():
    """A cell's configuration survives YAML, and holds budget and ledger where the matrix has them."""
    (cell,) = cells_of(parse_matrix(changed(budget=2.5, ledger="postgresql://h/d", limit=4), "m"))
    config = cell.config()
    assert yaml.safe_load(yaml.safe_dump(config)) == config
    args = config["model_args"]
    assert (args["max_cost"], args["shared_budget"], args["ledger"]) == (2.5, "m", "postgresql://h/d")
    assert (config["limit"], config["metadata"]) == (4, {"context_lengths": ["1k"], "seed": 0})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# lenghts\nmodels: [echo/tail]\nlenghts: [4k]\n", "line 3: unknown key of a matrix 'lenghts'; did you mean"),
        (
            "models:\n  - model: echo/tail\n    agrs: {a: 1}\ntasks: [t]\nlengths: [4k]\n",
            "line 3: unknown key of a model",
        ),
        ("models: [echo/tail]\ntasks: [t]\nlengths: [4k]\nseeds:\n  - one\n", "line 5: seeds: 'one'"),
        ("models: [echo/tail]\ntasks: [t]\n", "m.yaml: a matrix needs lengths"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(tmp_path, text, words) -> None:
    """A key or a value that is wrong is named with the file and the line in which it stands, comments apart."""
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(words)):
        read_matrix(path)
