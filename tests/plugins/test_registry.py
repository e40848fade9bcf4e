"""The registry of plugins: what it finds, and what it refuses."""

from __future__ import annotations

import contextlib
import importlib.metadata
import pickle
import sys
import types

import pytest

from lm_eval_longctx import hookimpl
from lm_eval_longctx.errors import MissingExtraError, PluginError, UnknownOptionError
from lm_eval_longctx.plugins.manager import load_registry, registry
from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord


class Dist:
    """A distribution, as far as entry points show it."""

    def __init__(self, name):
        self.name, self.version = name, "1.2"


@pytest.fixture
def plug(monkeypatch):
    """Makes registries with plugins that are named ``module`` and hold the given functions."""

    def plugged(**modules):
        points = []
        for name, functions in modules.items():
            module = types.ModuleType(f"plugged_{name}")
            for key, value in functions.items():
                if isinstance(value, types.FunctionType):
                    value.__module__ = module.__name__
                setattr(module, key, value)
            monkeypatch.setitem(sys.modules, module.__name__, module)
            point = importlib.metadata.EntryPoint(name, module.__name__, "lm_eval_longctx")
            vars(point).update(dist=Dist(f"dist-{name}"))
            points.append(point)
        return load_registry(points)

    return plugged


def giving(*records, mark=hookimpl):
    """Return a hook implementation that gives these records."""

    def hook():
        return list(records)

    return mark(hook)


PARROT = ProviderRecord("parrot", "plugged_one:Parrot", help="repeats")


def test_our_items_are_one_plugin_among_others():
    """Without other plugins there is one, ours, with every hook."""
    (ours,) = load_registry([]).describe()
    assert ours["name"] == "lm-eval-longctx"
    assert ours["hooks"] == [
        "longctx_builders",
        "longctx_haystack_sources",
        "longctx_providers",
        "longctx_scorers",
        "longctx_task_paths",
    ]


def test_a_plugin_adds_its_items(plug, tmp_path):
    """Items of all kinds come from a plugin, and each item knows who brought it."""
    source = SourceRecord("waves", "plugged_one:Waves", modality="audio", licence="CC0-1.0")
    scorer = ScorerRecord("first_word", "plugged_one:FirstWord")
    builder = BuilderRecord("riddle", "plugged_one:Riddle", extra="fun")
    known = plug(
        one={
            "longctx_providers": giving(PARROT),
            "longctx_haystack_sources": giving(source),
            "longctx_scorers": giving(scorer),
            "longctx_builders": giving(builder),
            "longctx_task_paths": giving(str(tmp_path)),
            "Parrot": "the class",
        }
    )
    assert known.provider("parrot") == PARROT
    assert known.source("waves") == source
    assert known.scorer("first_word") == scorer
    assert known.builder("riddle") == builder
    assert known.builder("needle") in known.builders()
    assert known.task_paths()[-1] == tmp_path
    assert known.owner(PARROT).name == "dist-one"
    assert known.load(PARROT) == "the class"
    assert known.describe()[1]["version"] == "1.2"


def test_order_is_ours_first_then_by_name(plug):
    """The order of plugins does not depend on the order in which distributions are found."""
    known = plug(zebra={"longctx_providers": giving()}, ant={"longctx_providers": giving()})
    assert [plugin.plugin for plugin in known.plugins] == ["defaults", "ant", "zebra"]


def test_an_unknown_name_tells_the_nearest():
    """A misspelt item is refused with the nearest name and all names."""
    with pytest.raises(UnknownOptionError, match=r"did you mean 'scripted'.*valid: .*echo"):
        registry().provider("scriptd")


def test_two_plugins_cannot_give_one_name(plug):
    """A name that two plugins give is an error that names both."""
    with pytest.raises(PluginError, match="'parrot' comes from dist-one and dist-two"):
        plug(one={"longctx_providers": giving(PARROT)}, two={"longctx_providers": giving(PARROT)})


def test_a_plugin_cannot_replace_ours(plug):
    """A name of ours cannot be taken."""
    with pytest.raises(PluginError, match="'echo' comes from lm-eval-longctx and dist-one"):
        plug(one={"longctx_providers": giving(ProviderRecord("echo", "a:B"))})


def test_a_kind_of_task_of_ours_cannot_be_replaced(plug):
    """A builder's name that is taken is an error: the tasks that name it must stay what they are."""
    with pytest.raises(PluginError, match="'needle' comes from lm-eval-longctx and dist-one"):
        plug(one={"longctx_builders": giving(BuilderRecord("needle", "a:B"))})


def test_a_misspelt_hook_is_an_error(plug):
    """A marked function whose name is no hook is an error that lists the hooks."""
    with pytest.raises(PluginError, match=r"unknown hook 'longctx_provider'.*longctx_providers"):
        plug(one={"longctx_provider": giving(PARROT)})


def test_an_unmarked_hook_is_an_error(plug):
    """A function that is named like a hook, but was not marked, would never be called: an error."""
    with pytest.raises(PluginError, match="is not marked with"):
        plug(one={"longctx_providers": giving(PARROT, mark=lambda f: f)})


def test_a_hook_with_arguments_is_an_error(plug):
    """A hook that asks for arguments that it will not get is an error."""

    def hook(config):
        return [config]

    with pytest.raises(PluginError, match="config"):
        plug(one={"longctx_providers": hookimpl(hook)})


def test_a_wrong_record_is_an_error(plug):
    """A hook that gives something else than its own records is an error."""
    with pytest.raises(PluginError, match="which is no ProviderRecord"):
        plug(one={"longctx_providers": giving(ScorerRecord("a", "b:C"))})


def test_a_missing_folder_is_an_error(plug, tmp_path):
    """A task folder that does not exist is an error: lm-eval would search it without a word."""
    with pytest.raises(PluginError, match="not an existing folder"):
        plug(one={"longctx_task_paths": giving(tmp_path / "nowhere")})


def test_a_hook_that_fails_is_an_error(plug):
    """An exception in a hook becomes one line that names hook and distribution."""

    def hook():
        raise KeyError("x")

    with pytest.raises(PluginError, match=r"longctx_scorers of dist-one failed: KeyError\('x'\)"):
        plug(one={"longctx_scorers": hookimpl(hook)})


def test_a_plugin_that_cannot_be_imported_is_an_error():
    """A plugin that is broken is an error that says which distribution to uninstall."""
    point = importlib.metadata.EntryPoint("bad", "not_there_at_all", "lm_eval_longctx")
    vars(point).update(dist=Dist("dist-bad"))
    with pytest.raises(PluginError, match="pip uninstall dist-bad"):
        load_registry([point])


def test_a_missing_extra_is_named_with_its_command(plug, tmp_path, monkeypatch):
    """A target that needs what is not installed raises the pip command of the plugin's own extra."""
    (tmp_path / "far_module.py").write_text("import antenna_driver_that_nobody_has\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    record = ProviderRecord("far", "far_module:Far", extra="satellite")
    known = plug(one={"longctx_providers": giving(record)})
    with pytest.raises(MissingExtraError, match=r"pip install 'dist-one\[satellite\]'"):
        known.load(record)


def test_a_wrong_target_is_an_error_whatever_the_extra(plug):
    """A target that is misspelt is a broken plugin, not a missing extra."""
    wrong = ProviderRecord("far", "not_there_at_all.module:Far", extra="satellite")
    missing = ProviderRecord("near", "plugged_one:Near", extra="satellite")
    known = plug(one={"longctx_providers": giving(wrong, missing)})
    for record in (wrong, missing):
        with pytest.raises(PluginError, match="of dist-one cannot be imported"):
            known.load(record)


def test_records_refuse_what_users_could_not_write():
    """Names with capitals, colons, slashes or commas, bad targets and unknown modalities are errors."""
    for name in ("Parrot", "a:b", "a/b", "a,b", "", "a b"):
        with pytest.raises(PluginError, match="lower-case"):
            ProviderRecord(name, "a:B")
    with pytest.raises(PluginError, match=r"package\.module:Name"):
        ScorerRecord("a", "no_class")
    with pytest.raises(PluginError, match="modality 'smell'"):
        SourceRecord("a", "b:C", modality="smell")


def test_missing_extra_errors_survive_pickling():
    """An error that crosses processes keeps its message and its fields."""
    error = MissingExtraError("the OCR reader", "embedded", "other-dist")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert str(again) == str(error) == "the OCR reader needs an optional part: pip install 'other-dist[embedded]'"
    assert (again.what, again.extra, again.distribution) == (error.what, error.extra, error.distribution)


def ours(kind):
    """Return our own records of a kind."""
    known = registry()
    return [record for record in getattr(known, kind)() if known.owner(record).name == "lm-eval-longctx"]


@pytest.mark.parametrize("kind", ["providers", "sources", "scorers"])
def test_every_item_of_ours_can_be_loaded(kind):
    """The target of every record of ours is there, unless the extra that it names is not installed."""
    for record in ours(kind):
        with contextlib.nullcontext() if record.extra is None else contextlib.suppress(MissingExtraError):
            assert callable(registry().load(record))
        assert record.help
        assert kind != "sources" or record.licence


def test_providers_are_named_as_their_records():
    """A provider's own name, which results carry, is the name that users write."""
    for record in ours("providers"):
        with contextlib.suppress(MissingExtraError):
            loaded = registry().load(record)
            assert record.name == loaded.NAME
