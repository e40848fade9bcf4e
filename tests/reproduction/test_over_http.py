"""A paper repeated through HTTP: a model behind a local server that answers right, wrong or not at all, with faults."""

from __future__ import annotations

import json

import pytest
from byte_model import EchoServer, log_probabilities, tokens_of
from knowing_server import KnowingModel

from lm_eval_longctx.cli import main
from lm_eval_longctx.harness.planning import one_task
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.papers import chosen_parts, read_paper
from lm_eval_longctx.testing.server import KEY, LocalServer
from lm_eval_longctx.testing.state import Fault

MODEL = "model=openai-compatible/knowing,tokenize=false,probe=false,modalities=text+image+audio+video"
IN, OUT = 1.0, 2.0
"""US dollars for a million tokens."""


def bill(server):
    """Return what the server wants to have for all calls."""
    return sum(one.prompt * IN + one.output * OUT for one in server.state.bills) / 1e6


def repeat(only, server, tmp_path, *more):
    """Run the command and return its exit status."""
    address = f"base_url={server.base_url('openai-compatible')},ledger={tmp_path / 'ledger'}"
    chosen = [] if only is None else ["--only", only]
    words = ["reproduce", "gemini-1.5", "--scale", "small", *chosen, "-o", str(tmp_path / "out"), *more]
    return main([*words, "--model_args", f"{MODEL},price_in={IN},price_out={OUT},{address}"])


def prove(only, tmp_path, capsys, monkeypatch):
    """Repeat parts of the paper over HTTP, with a refusal, a 429 and a 500, and hold every number of the tables."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    parts = [part for part in chosen_parts(read_paper("gemini-1.5"), only) if part.metric != "nll"]
    with LocalServer() as server:
        model = KnowingModel(parts, "small", f"{MODEL},ledger=none,base_url={server.base_url('openai-compatible')}")
        refused = next(one.sample["id"] for one in model.known.values() if one.part.id == "text-needle")
        server.state.answer = model
        server.state.chaos = lambda asked: Fault("refused") if _is(model.found(asked), refused) else None
        assert repeat(only, server, tmp_path, "--max-cost", "0.0001") == 1
        assert "more than --max-cost" in capsys.readouterr().err
        assert server.state.requests == []
        server.state.fail("rate_limit", headers={"Retry-After": "0"})
        server.state.fail("server_error")
        repeat(only, server, tmp_path)
        capsys.readouterr()
        assert model.unknown == []
        sent = len(server.state.requests)
        assert sent == len(model.known) + 2  # the two that failed
        assert len(server.state.bills) == len(model.known)
        with Ledger.open(str(tmp_path / "ledger")) as ledger:
            assert ledger.summary({}).cost == pytest.approx(bill(server))
        found = json.loads((tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8"))
        assert found["spent"] == pytest.approx(bill(server))
        held(found, parts, model, refused)
        repeat(only, server, tmp_path)
        assert len(server.state.requests) == sent  # what is answered is not asked again
    again = json.loads((tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8"))
    assert again["spent"] == 0
    assert [one["rows"] for one in again["parts"]] == [one["rows"] for one in found["parts"]]


def _is(known, name):
    return known is not None and known.sample["id"] == name


def held(found, parts, model, refused):
    """Compare every row of ours with what the model said, and its counts with what was asked."""
    tables = {one["id"]: one for one in found["parts"]}
    for part in parts:
        ours = [row for row in tables[part.id]["rows"] if row["ours"]]
        wanted = model.rows(part, without=frozenset({refused}))
        values = {(row["condition"], row["length"]): row["ours"]["value"] for row in ours}
        assert values == pytest.approx(wanted), part.id
        lacking = sum(row["ours"]["n"] - row["ours"]["scored"] for row in ours if row["ours"]["n"] is not None)
        assert lacking == (part.id == "text-needle"), part.id


def test_a_paper_over_http_has_every_number_right(tmp_path, capsys, monkeypatch):
    """Values, coverage, money and resume of two tables hold over HTTP; a plan too dear asks nothing."""
    prove("text-needle,manyshot-labels", tmp_path, capsys, monkeypatch)


def test_a_loss_by_position_over_http_has_its_curve_and_its_law(tmp_path, capsys, monkeypatch):
    """A server that echoes prompts with log-probabilities is asked once a document; each position has its mean loss."""
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    metadata = {"preset": "smoke"}
    words = ["reproduce", "gemini-1.5", "--scale", "small", "--only", "nll", "-o", str(tmp_path / "out")]
    with EchoServer() as server:
        told = f"base_url={server.url},prompt_logprobs=true,tokenize=false,probe=false,ledger={tmp_path / 'ledger'}"
        assert main([*words, "--model_args", f"model=openai-compatible/tiny,{told}"]) == 0
        assert len([body for body in server.bodies if "echo" in body]) == 2
        printed = capsys.readouterr().out
        assert main([*words, "--model_args", f"model=openai-compatible/tiny,{told}"]) == 0
        assert len([body for body in server.bodies if "echo" in body]) == 2  # a document is not paid twice
    task = one_task("longctx_text_nll", metadata)
    losses: dict[str, list[float]] = {}
    for sample in task.builder.samples():
        text = task.builder.render(sample).text()
        begin, tokens, place, loss = len(text) - len(sample["target"]), tokens_of(text), 0, 0.0
        for token, log in zip(tokens, log_probabilities(tokens), strict=True):
            loss -= log if place >= begin else 0.0
            place += len(token)
        losses.setdefault(sample["context_label"], []).append(loss / sample["window_tokens"])
    (part,) = json.loads((tmp_path / "out" / "reproduction.json").read_text(encoding="utf-8"))["parts"]
    found = {row["length"]: row["ours"]["value"] for row in part["rows"]}
    assert list(found) == ["256", "1k", "4k", "16k"]
    assert found == pytest.approx({length: sum(some) / len(some) for length, some in losses.items()}, abs=1e-4)
    for page in (printed, (tmp_path / "out" / "reproduction.md").read_text(encoding="utf-8")):
        assert "generated chronicle: loss by position: " in page
        assert "exponent [" in page


@pytest.mark.slow
@pytest.mark.media
@pytest.mark.timeout(1800)
def test_the_whole_paper_over_http_has_every_number_right(tmp_path, capsys, monkeypatch):
    """The same holds for every part that a model over HTTP can be asked, with pictures, film and sound."""
    prove(None, tmp_path, capsys, monkeypatch)
