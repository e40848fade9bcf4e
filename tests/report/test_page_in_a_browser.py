"""The page in a real browser: what people do with it, by mouse, keyboard, phone, paper and ear."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile
from made_sweeps import TARGET, block, lost_in_the_middle, make_sweep, run, write_results

from lm_eval_longctx.completion import Completion, Usage
from lm_eval_longctx.report import page as page_module
from lm_eval_longctx.report import write_report
from lm_eval_longctx.report.previews import Previews
from lm_eval_longctx.results import read_runs

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

FIRST, SECOND = "longctx_text_niah", "longctx_text_other"
HOSTILE = {
    "a script": "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>",
    "the end of a script": "</script><script>window.hacked = 3</script></dialog><!--",
    "bidi": "\u202eleft to right\u2066 isolated",
    "lines": "one\u2028two\u2029three\u0000four\u0007",
    "a lone surrogate": "\ud800 alone",
    "an address": "javascript:window.hacked=4 https://example.org/x.png",
    "a template": "${window.hacked=5} {{7*7}} &lt;b&gt; &#x3c;b",
    "nothing": "",
    "ten megabytes": "abcdefghi " * 1_000_000,
}
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def sound() -> str:
    """Return a tenth of a second of sound, in base64."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(800), 8000, format="WAV")
    return base64.b64encode(file.getvalue()).decode()


def log(results, texts):
    """Return the lines of a samples file, with given texts for the answers of the first cell."""
    waiting = iter(texts)
    for number, result in enumerate(results):
        ended = {"completions": [{**result.completion.to_dict(), "key": f"{number:064x}"}]}
        arguments = {"gen_args_0": {"arg_0": f"longctx:recipe/{number}", "arg_1": {}, "arg_2": ended}}
        first = (result.sample["context_label"], result.depth) == ("1k", 0.0)
        answer = next(waiting) if first else f"<think>It was near.</think>\n**{result.completion}**"
        read = {"outcome": result.kind, "claimed": [TARGET], "how": "whole", "thoughts": ["It was near."]}
        sample = {"doc": result.sample, "arguments": arguments, "resps": [[answer]], "reading": [read]}
        yield json.dumps({**sample, **(result.values or {})})


def perfect(sample):
    """Answer right, at a price."""
    usage = Usage(prompt_tokens=int(sample.length.amount), output_tokens=9, cost=0.25)
    return Completion(f"It is {TARGET}.", usage=usage)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of two models on two tasks, with hostile answers in one cell, and the needle of one sample there."""
    folder = tmp_path_factory.mktemp("browser")
    lost = block(lost_in_the_middle, samples_per_cell=9)
    short = {"context_lengths": ["8k"], "depths": 1, "samples_per_cell": 25}
    write_results(folder / "a", {FIRST: lost, SECOND: block(perfect, **short)})
    with (folder / "a" / f"samples_{SECOND}_2026-01-01T00.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in log(run(make_sweep(**short), perfect), ()))
    other = block(perfect, samples_per_cell=9)
    write_results(folder / "b", {FIRST: other}, model="maker/perfect-model_with-a-long-name")
    results = run(make_sweep(samples_per_cell=9), lost_in_the_middle)
    with (folder / "a" / f"samples_{FIRST}_2026-01-01T00.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in log(results, HOSTILE.values()))
    kinds = [
        {"kind": "text", "caption": "characters 9 to 20", "before": "hay ", "text": "<i>needle</i>", "after": " hay"},
        {"kind": "image", "caption": "0:01", "text": "word", "mime": "image/png", "data": PICTURE},
        {"kind": "audio", "caption": "0:02", "text": "said", "mime": "audio/wav", "data": sound()},
    ]
    shown = next(one for one in results if (one.sample["context_label"], one.depth) == ("1k", 0.0))
    around = {(FIRST, shown.sample["id"]): [{"needle": True, "seconds": [0, 0.1], **one} for one in kinds]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_module, "make_previews", lambda *_: Previews(around))
        return write_report(read_runs([folder]), folder / "report").page


@dataclass
class Opened:
    """A page in a browser, with all that went wrong on it."""

    page: playwright.Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def cell(self, length, depth, model="fake/model"):
        """Return the link of a cell of the first task."""
        article = self.page.locator(f'#longctx-text-niah article[data-model="{model}"]')
        row = article.locator("tbody tr").filter(has=self.page.get_by_role("rowheader", name=depth, exact=True))
        return row.locator(f'[data-length="{length}"] a')

    def dialog(self):
        """Return the panel of a cell, filled."""
        self.page.locator("#cell .sample, #cell .note").first.wait_for()
        return self.page.locator("#cell")

    def unfold(self):
        """Open every task."""
        self.page.evaluate("document.querySelectorAll('details.task').forEach((one) => { one.open = true })")


@pytest.fixture(scope="module")
def browser():
    """One browser for all."""
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, report):
    """Open the report from disk; whatever is complained of or fetched fails the test."""
    opened, contexts = [], []

    def opens(end="", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        one = Opened(contexts[-1].new_page())
        opened.append(one)
        one.page.on("console", lambda message: one.problems.append(message.text))
        one.page.on("pageerror", lambda error: one.problems.append(str(error)))
        one.page.on("dialog", lambda dialog: one.problems.append(dialog.message))
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.goto(report.as_uri() + end)
        return one

    yield opens
    for one in opened:
        assert one.problems == []
        assert [url[:40] for url in one.requests if not url.startswith(("data:", report.as_uri()))] == []
    for context in contexts:
        context.close()


def test_from_the_summary_to_a_sample_by_keyboard_alone(open_page):
    """Tab, Enter and arrows lead from the summary to a task, its grid, a cell and back to that cell."""
    one = open_page()
    page = one.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == "#longctx-text-niah":
            break
    page.keyboard.press("Enter")
    assert page.locator("#longctx-text-niah").get_attribute("open") is not None
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.heat') !== null"):
            break
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "End", "Home", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert "8k, depth 50 %" in one.dialog().inner_text()
    assert page.evaluate("document.activeElement.id") == "cell-title"
    page.keyboard.press("Escape")
    assert one.page.locator("#cell").is_hidden()
    # A browser tells that a panel was closed a moment after it is gone: the cell has the focus from then on.
    page.wait_for_function("document.activeElement.closest('td')?.dataset.length === '8k'")


def test_a_cell_opens_with_everything_about_its_samples(open_page):
    """Question, target, marked answer, outcome, tokens, cost, time, recipe, key, log and the command are there."""
    one = open_page("#longctx-text-niah")
    one.cell("8k", "0 %").click()
    sample = one.dialog().locator(".sample").first
    sample.locator("summary").click()
    told = sample.inner_text()
    for wanted in (
        "Which number?", TARGET, "complete", "8,212 prompt tokens", "0.001 US dollars", "0.5 s", "longctx:recipe/",
        "Ledger key", "line ", "lm-eval-longctx show ", "thought, not read", "what the answer claims",
    ):  # fmt: skip
        assert wanted in told, wanted
    assert sample.locator(".thought").first.inner_text() == "<think>It was near.</think>"
    assert sample.locator("mark.claim").inner_text() == TARGET


def test_addresses_lead_to_cells_and_samples(open_page):
    """The address of a cell or sample opens it; ways to its neighbours and back work; it can be left."""
    one = open_page("#longctx-text-niah")
    one.cell("8k", "50 %").click()
    sample = one.dialog().locator(".sample").nth(3)
    wanted = sample.get_attribute("data-sample")
    link = sample.locator("h4 a").get_attribute("href")
    again = open_page(link)
    again.dialog()
    assert again.page.evaluate("document.activeElement.dataset.sample") == wanted
    again.page.get_by_role("link", name="Next cell").click()
    again.page.get_by_text("128k, depth 50 %").wait_for()
    again.page.get_by_role("button", name="Close").click()
    assert again.page.evaluate("location.hash").endswith("2026-01-01T00")
    again.cell("1k", "0 %").click()
    again.page.get_by_text("1k, depth 0 %").wait_for()
    again.page.go_back()
    assert again.page.locator("#cell").is_hidden()


def test_samples_of_a_cell_can_be_ordered_and_chosen(open_page):
    """Worst first at the beginning; by outcome and other orders on demand."""
    one = open_page("#longctx-text-niah")
    one.cell("128k", "50 %").click()
    dialog = one.dialog()
    assert dialog.locator(".badge").first.inner_text() == "no score"
    assert dialog.locator(".sample").count() == 9
    dialog.get_by_label("Order").select_option("asked")
    dialog.get_by_label("Outcome").select_option("context_exceeded")
    assert dialog.locator(".sample").count() == 9


def test_hostile_answers_stay_inert(open_page):
    """Scripts, markup, marks of direction, odd characters and ten megabytes are shown as text and do nothing."""
    one = open_page("#longctx-text-niah")
    one.cell("1k", "0 %").click()
    dialog = one.dialog()
    dialog.get_by_label("Order").select_option("asked")
    said = "(all) => all.map((one) => [...one.querySelectorAll('h5')].at(-1).nextElementSibling.textContent)"
    shown = dict(zip(HOSTILE, dialog.locator(".sample").evaluate_all(said), strict=True))
    long = shown.pop("ten megabytes")
    assert "9,994,000 characters are left out here" in long
    assert len(long) < 7000
    expected = {**HOSTILE, "nothing": "no text"}
    assert shown == {name: text for name, text in expected.items() if name in shown}
    assert one.page.evaluate("window.hacked") is None
    assert one.page.locator("dialog img[src=x], dialog script").count() == 0


def test_needles_are_shown_in_their_surroundings(open_page):
    """Text around the needle, its picture and a player of its sound stand beside the answer."""
    one = open_page("#longctx-text-niah")
    one.cell("1k", "0 %").click()
    sample = one.dialog().locator(".sample").filter(has=one.page.locator(".around"))
    sample.locator("audio").wait_for()
    assert sample.locator("mark.needle").inner_text() == "<i>needle</i>"
    assert sample.locator("img").evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 1
    audio = sample.locator("audio")
    audio.evaluate("(one) => new Promise((done) => { one.onloadedmetadata = done; one.load(); })")
    assert audio.evaluate("(one) => one.duration") == pytest.approx(0.1)


def test_filters_hold_for_the_whole_page(open_page):
    """Model, task, length and outcome hide rows, tasks and columns or dim cells; one button shows all again."""
    one = open_page("#longctx-text-niah")
    rows = one.page.locator("#results tbody tr:visible")
    assert rows.count() == 3
    one.page.locator("#filter-model").select_option("fake/model")
    assert rows.count() == 2
    assert one.page.locator(".task article:visible").count() == 1
    one.page.locator("#filter-task").select_option(SECOND)
    assert (rows.count(), one.page.locator(".task:visible").count()) == (1, 1)
    one.page.get_by_role("button", name="Show all").click()
    one.page.locator("#filter-length").select_option("8k")
    one.page.locator("#filter-outcome").select_option("refused")
    assert one.page.locator("#longctx-text-niah article").first.locator("thead th:visible").count() == 2
    assert one.page.locator("#longctx-text-niah td.dim:visible").count() == 9
    one.page.get_by_role("button", name="Show all").click()
    assert rows.count() == 3
    assert one.page.locator(".dim").count() == 0


def test_heads_sort_numbers_as_numbers(open_page):
    """A head sorts its column up and down, what is not known comes last, and a screen reader is told."""
    one = open_page()
    head = one.page.get_by_role("columnheader", name="Coverage")
    shares = one.page.locator("#results tbody td:nth-child(5)")
    head.get_by_role("button").click()
    assert shares.all_inner_texts() == ["73.3 %", "100 %", "100 %"]
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert shares.all_inner_texts() == ["100 %", "100 %", "73.3 %"]


def test_search_finds_samples_and_leads_to_them(open_page):
    """Search looks into every answer, marks the words, counts, and a hit opens its sample."""
    one = open_page()
    one.page.get_by_label("Search in answers").fill("HACKED = 1")
    one.page.keyboard.press("Enter")
    one.page.get_by_text("1 of 160 samples hold").wait_for()
    assert one.page.locator("#found mark").inner_text() == "hacked = 1"
    one.page.locator("#found a").click()
    assert "window.hacked = 1" in one.dialog().locator(".sample:focus").inner_text()
    one.page.keyboard.press("Escape")
    one.page.locator("#filter-length").select_option("8k")
    one.page.get_by_role("button", name="Search").click()
    one.page.get_by_text("0 of 70 samples hold").wait_for()


def test_a_view_can_be_sent(open_page):
    """Filters and search stand in the address, which shows the same again; what is not there is no filter."""
    one = open_page()
    one.page.locator("#filter-length").select_option("8k")
    one.page.get_by_label("Search in answers").fill("near")
    one.page.keyboard.press("Enter")
    one.page.get_by_text("samples hold").wait_for()
    again = open_page(one.page.evaluate("location.hash"))
    again.page.get_by_text("samples hold").wait_for()
    assert again.page.inner_text("#status") == one.page.inner_text("#status")
    assert again.page.locator("#filter-length").input_value() == "8k"
    again.page.get_by_role("button", name="Show all").click()
    assert again.page.evaluate("location.hash") == ""
    odd = open_page("#?model=nobody&length=%3Cb%3E&task=longctx_text_niah")
    assert odd.page.locator("#results tbody tr:visible").count() == 2


def test_dark_and_light(open_page):
    """The page is as dark as the system is, and the button turns it."""
    backs = []
    for scheme in ("light", "dark"):
        one = open_page(color_scheme=scheme)
        for _ in range(2):
            backs.append(one.page.evaluate("getComputedStyle(document.body).backgroundColor"))
            one.page.get_by_role("button", name="Dark or light").click()
    assert backs[0] == backs[3] != backs[1] == backs[2]


def test_a_cell_of_many_samples_shows_some_and_more_on_demand(open_page):
    """Of many samples the first are shown, a button brings the others, and the address of a late one finds it."""
    one = open_page("#longctx-text-other")
    one.page.locator("#longctx-text-other .heat a").click()
    samples = one.dialog().locator(".sample")
    assert samples.count() == 20
    one.page.get_by_role("button", name="Show more (5 left)").click()
    assert samples.count() == 25
    late = open_page(samples.last.locator("h4 a").get_attribute("href"))
    assert late.dialog().locator(".sample:focus").get_attribute("data-sample") == samples.last.get_attribute(
        "data-sample"
    )


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_never_scrolls_sideways(open_page, width):
    """On a phone nothing is wider than the screen, folded or unfolded, and no score is broken in two."""
    one = open_page(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    too_wide = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"
    assert one.page.evaluate(too_wide) == 0
    one.unfold()
    assert one.page.evaluate(too_wide) == 0
    scores = one.page.locator(".score, #results .value")
    assert scores.evaluate_all("(all) => all.filter((one) => one.getClientRects().length > 1).length") == 0
    one.cell("1k", "0 %").click()
    dialog = one.dialog()
    assert dialog.evaluate("(one) => one.scrollWidth - one.clientWidth") == 0
    assert dialog.bounding_box()["width"] <= width


def test_paper_holds_everything_on_few_sheets(open_page):
    """Printed, all tasks are unfolded, filters are gone, and afterwards the page is folded as before."""
    one = open_page()
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", one.page.pdf()))
    assert 1 < sheets <= 4
    assert one.page.locator("details.task[open]").count() == 0


def test_without_javascript_the_numbers_are_there(open_page):
    """Summary, tables and grids need no script."""
    one = open_page(java_script_enabled=False)
    one.page.locator("#longctx-text-niah > summary").click()
    assert one.cell("1k", "0 %").inner_text() == "1.00"


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """What tests pages for people who do not see them, or see them badly: a package of npm."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    got = npm and subprocess.run([npm, "pack", "axe-core@4"], cwd=folder, capture_output=True, check=False, timeout=60)
    archive = next(folder.glob("*.tgz"), None)
    if not got or archive is None:
        pytest.skip("axe-core cannot be had: npm pack axe-core")
    with tarfile.open(archive) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize(("scheme", "rules"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})])
def test_axe_finds_nothing_serious(open_page, axe, scheme, rules):
    """Summary, unfolded tasks, a search and a cell have no serious fault for people with a screen reader."""
    one = open_page(color_scheme=scheme)
    one.unfold()
    one.page.get_by_label("Search in answers").fill(TARGET)
    one.page.keyboard.press("Enter")
    one.page.get_by_text("samples hold").wait_for()
    one.page.evaluate(axe)
    assert faults(one, rules) == []
    one.cell("1k", "0 %").click()
    one.dialog()
    assert faults(one, rules) == []


def faults(one, rules):
    """Return what axe calls serious or worse."""
    found = one.page.evaluate("(rules) => axe.run(document, rules).then((done) => done.violations)", rules)
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
