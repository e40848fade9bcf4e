"""A plugin of others, built, installed beside our wheel, and used by the real lm-eval."""

from __future__ import annotations

import json

import pytest
from environments import make_environment

pytestmark = pytest.mark.install

EVALUATE = """
import json, sys
import lm_eval
from lm_eval.tasks import TaskManager

results = lm_eval.simple_evaluate(
    model="longctx",
    model_args="model=keeper/" + sys.argv[1] + ",ledger=none,progress=False",
    tasks=[sys.argv[2]],
    task_manager=TaskManager(include_defaults=False),
    log_samples=True,
)
json.dump({key: results[key] for key in ("results", "samples", "configs")}, sys.stdout, default=str)
"""


@pytest.fixture(scope="module")
def environment(wheel, repo_root, all_libraries, build_wheel, tmp_path_factory):
    """An environment with our wheel, the plugin's wheel and the real lm-eval."""
    made = make_environment(tmp_path_factory.mktemp("plugin") / "venv", all_libraries)
    made.install(wheel, build_wheel(repo_root / "tests" / "plugin_package"))
    return made


@pytest.fixture(scope="module")
def evaluated(environment):
    """What lm-eval's Python interface returns for the plugin's task, source, scorer and provider together."""
    done = environment.run("-c", EVALUATE, "magic", "lighthouse_text_niah")
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_every_item_of_the_plugin_is_used(evaluated):
    """lm-eval finds the plugin's task by itself, which reads its haystack, asks its model and counts its metric."""
    scores = evaluated["results"]["lighthouse_text_niah"]
    assert scores["found,none"] == 1.0
    assert scores["found@2k,none"] == 1.0
    assert scores["coverage,none"] == 1.0
    docs = [sample["doc"] for sample in evaluated["samples"]["lighthouse_text_niah"]]
    assert {doc["haystack"]["spec"] for doc in docs} == {"logbook"}


def test_a_kind_of_task_can_be_plugged_in(environment):
    """A builder of a plugin is asked for samples and prompts, and its options are listed and checked like ours."""
    done = environment.run("-c", EVALUATE, "Petrel", "lighthouse_text_watch")
    results = json.loads(done.stdout[done.stdout.index("{") :])
    scores = results["results"]["lighthouse_text_watch"]
    assert (scores["found@1k,none"], scores["found@4k,none"], scores["sample_len"]) == (1.0, 1.0, 4)
    docs = [sample["doc"] for sample in results["samples"]["lighthouse_text_watch"]]
    assert all(0.95 < doc["realised_length"] / doc["context_length"] <= 1 for doc in docs)
    assert len({doc["target"] for doc in docs}) > 1
    listed = environment.run("-m", "lm_eval_longctx", "tasks", "lighthouse_text_watch", COLUMNS="200").stdout
    assert "the ship passes in one night of so many" in listed


def test_the_kind_of_task_is_short(repo_root):
    """Builder, YAML and hook of a new kind of task have less than 120 lines together."""
    folder = repo_root / "tests" / "plugin_package" / "lm_eval_longctx_lighthouse"
    files = [folder / "__init__.py", folder / "watch.py", folder / "tasks" / "lighthouse_text_watch.yaml"]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 120


def test_the_result_says_which_plugins_there_were(evaluated):
    """The sweep block of a result names every plugin with its version and hooks."""
    plugins = evaluated["configs"]["lighthouse_text_niah"]["metadata"]["longctx"]["plugins"]
    versions = {plugin["name"]: plugin["version"] for plugin in plugins}
    assert versions == {"lm-eval-longctx": plugins[0]["version"], "lm-eval-longctx-lighthouse": "1.0"}
    assert plugins[1]["hooks"] == plugins[0]["hooks"]


def test_the_command_lists_the_plugin(environment):
    """``lm-eval-longctx plugins`` shows the plugin and its items, ``tasks`` its task."""
    listed = json.loads(environment.run("-m", "lm_eval_longctx", "plugins", "--json").stdout)
    for kind, name in (
        ("providers", "keeper"),
        ("sources", "logbook"),
        ("scorers", "first_line"),
        ("builders", "watch"),
    ):
        assert [item["plugin"] for item in listed[kind] if item["name"] == name] == ["lm-eval-longctx-lighthouse"]
    assert "lighthouse_text_niah" in environment.run("-m", "lm_eval_longctx", "tasks").stdout
