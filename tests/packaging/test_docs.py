"""What the documents print is what is there."""

from __future__ import annotations

import hashlib
import inspect
import re

import pytest

from lm_eval_longctx.plugins import hookspecs
from lm_eval_longctx.plugins.records import BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord

EXAMPLE = "tests/plugin_package"


@pytest.fixture(scope="module")
def plugins_page(repo_root):
    """The page for plugin authors."""
    return (repo_root / "docs" / "plugins.md").read_text(encoding="utf-8")


def example_files(root):
    """Return the example's files, by their path in the example."""
    folder = root / EXAMPLE
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".toml", ".yaml")]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_the_example_is_printed_as_it_is_tested(plugins_page, repo_root):
    """Every file of the plugin that the tests install stands in the page, word for word."""
    example = plugins_page.partition("## A complete example")[2]
    blocks = re.findall(r"```(?:python|toml|yaml)\n(.*?)```", example, re.DOTALL)
    files = example_files(repo_root)
    assert {name for name, text in files.items() if text not in blocks} == set()
    assert len(blocks) == len(files)


def test_every_hook_is_documented(plugins_page):
    """Each hook has a line in the page."""
    for name in vars(hookspecs):
        if name.startswith(hookspecs.PREFIX):
            assert f"| `{name}` |" in plugins_page


def test_every_record_is_printed_as_it_is_called(plugins_page):
    """The page gives the exact signature of each record, and what each hook returns."""
    for record in (BuilderRecord, ProviderRecord, ScorerRecord, SourceRecord):
        assert f"`{record.__name__}({', '.join(inspect.signature(record).parameters)})`" in plugins_page
    hooks = [spec for name, spec in vars(hookspecs).items() if name.startswith(hookspecs.PREFIX)]
    assert all(spec.__annotations__["return"] in plugins_page for spec in hooks)


def test_the_hook_is_printed_with_its_digest(repo_root):
    """The page on installing gives the sha256 of the module that runs at every start of Python."""
    digest = hashlib.sha256((repo_root / "_lm_eval_longctx_hook.py").read_bytes()).hexdigest()
    assert digest in (repo_root / "docs" / "installing.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_of_the_readme(repo_root):
    """The command in .ci/run stands word for word in the README, and in the page on installing."""
    command = (repo_root / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()[-1]
    for page in ("README.md", "docs/installing.md"):
        assert f"\n{command}\n" in (repo_root / page).read_text(encoding="utf-8")


def test_the_changelog_begins_with_this_version(repo_root):
    """The newest released version in the changelog is the package's; what is not released stands above it."""
    from lm_eval_longctx import __version__

    headings = re.findall(r"^## (\S+)", (repo_root / "docs" / "changelog.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(name for name in headings if name != "Unreleased") == __version__
