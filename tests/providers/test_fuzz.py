"""Responses mutated by type, by structure and by byte, on all four wires: whatever comes, it is judged or kept."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Job, Limits
from lm_eval_longctx.backend.prices import Prices
from lm_eval_longctx.backend.tally import Tally
from lm_eval_longctx.backend.verdict import verdict_on
from lm_eval_longctx.completion import Completion, Outcome
from lm_eval_longctx.errors import ProviderError
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.ledger.records import dump_completion, load_completion
from lm_eval_longctx.providers import anthropic_batches, gemini_batches, openai_batches
from lm_eval_longctx.providers.base import Raw
from lm_eval_longctx.providers.batching import result_lines, written
from lm_eval_longctx.testing import dialects
from lm_eval_longctx.testing.contract import RETRIES, question
from lm_eval_longctx.testing.server import provider_classes

PRICES = Prices.given(1.0, 2.0)
REQUEST = question()
PROVIDERS = {
    wire: provider_classes()[name]("m", base_url="http://127.0.0.1:1/v1", probe=False)
    for wire, name in dialects.WIRES.items()
}
SENT = {
    wire: [
        shape.sent(wire, stream=stream)
        for shape in dialects.shapes(wire)
        for stream in (False, True)
        if shape.plays(stream=stream)
    ]
    for wire in dialects.WIRES
}
"""What the catalogue sends on each wire: what the mutations begin from."""

ODD: tuple = (
    *(None, True, False, 0, -1, 1.5, 10**12, -(10**30), float("nan"), float("inf")),
    *("", " ", "x", "0", "\ud83d", "[DONE]", "stop", "9" * 400),
    *([], [None], [[]], {}, {"": None}, {"message": None}, {"error": {}}, {"text": 5}),
)
"""Values of every type, to stand where others stood."""

NAMES = ("error", "usage", "choices", "message", "type", "status")
HEADERS = (
    {},
    {"content-type": "application/json"},
    {"content-type": "text/event-stream"},
    {"content-type": ""},
    {"retry-after": "-1"},
    {"retry-after": "Mon, 99 Nov 2026 10:00:00 GMT", "date": "never"},
    {"retry-after": "9" * 400},
    {"retry-after-ms": "nan"},
    {"x-ratelimit-limit-requests": "many"},
    {"location": "\x00"},
)
STATUSES = (0, 100, 200, 200, 200, 200, 204, 299, 302, 400, 403, 404, 413, 422, 429, 500, 503, 504, 529, 599, 999)


def places(value, path=()):
    """Yield the path of every value inside another."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in inner:
        yield from places(found, (*path, key))


def changed(value, path, change):
    """Return a value with one place changed."""
    if not path:
        return change(value)
    value = copy.copy(value)
    value[path[0]] = changed(value[path[0]], path[1:], change)
    return value


def structure(rng, value):
    """Change one place of a JSON value: another type, nothing, twice, deeper, shuffled, or renamed."""
    path = rng.choice(list(places(value)))
    odd = rng.choice(ODD)
    changes = (
        lambda _: odd,
        lambda v: [v],
        lambda v: {"value": v},
        lambda v: [v, v],
        lambda v: v[:-1] if isinstance(v, str | list) and v else odd,
        lambda v: dict(list(v.items())[1:]) if isinstance(v, dict) else odd,
        lambda v: {**v, rng.choice(NAMES): odd} if isinstance(v, dict) else odd,
        str,
        lambda v: {k.upper(): x for k, x in v.items()} if isinstance(v, dict) else odd,
    )  # fmt: skip
    return changed(value, path, rng.choice(changes))


def values(rng, body):
    """Mutate the JSON of a body, or of each event of a stream, where there is any."""
    lines = body.split(b"\n")
    for i, line in enumerate(lines):
        head, brace, rest = line.partition(b"{")
        try:
            value = json.loads(brace + rest)
        except (ValueError, RecursionError):
            continue
        if rng.random() < 2 / len(lines):
            for _ in range(rng.randint(1, 3)):
                value = structure(rng, value)
            lines[i] = head + json.dumps(value).encode()
    return b"\n".join(lines)


def scars(rng, body):
    """Mutate a body's bytes: cut, doubled, flipped, or with something in between."""
    at, to = sorted((rng.randrange(len(body) + 1), rng.randrange(len(body) + 1)))
    between = rng.choice(
        (b"", b"\xff", b"\n\n", b"\r", b"\x00", b"{", b"[" * 2000, b"data: ", b"event: error\n", b"\xef\xbb\xbf")
    )
    return rng.choice((body[:at], body[:at] + between + body[at:], body[:at] + between + body[to:], body + body))


def response(seed, wire):
    """Return a mutated response."""
    rng = random.Random(seed)  # noqa: S311 - repeats by its seed
    status, headers, body = rng.choice(SENT[wire])
    for _ in range(rng.randint(1, 3)):
        body = (values if rng.random() < 0.8 else scars)(rng, body)
    if rng.random() < 0.3:
        status = rng.choice(STATUSES)
    sent = {name.lower(): value for name, value in headers.items()}
    error = rng.choice(("", "", "", "the answer broke off", "the answer does not end: more"))
    return Raw(status, {**sent, **rng.choice(HEADERS)}, body, 0.1, error, rng.random() < 0.9)


@pytest.mark.parametrize("wire", dialects.WIRES)
@settings(deadline=None, max_examples=400)
@given(seed=st.integers(0, 2**64))
def test_whatever_comes_is_judged(wire, seed):
    """A mutated response becomes one outcome with words, consistent usage and a price that adds up."""
    raw = response(seed, wire)
    verdict = verdict_on(PROVIDERS[wire], PRICES, raw, REQUEST)
    assert verdict is not None, "our reader failed"
    found, usage = verdict.completion, verdict.completion.usage
    assert isinstance(found.outcome, Outcome)
    assert verdict.retry.kind in RETRIES
    assert verdict.retry.after is None or verdict.retry.after >= 0
    assert found.detail or found.outcome is Outcome.COMPLETE
    assert not (found.outcome is Outcome.COMPLETE and not found.strip()), "an empty text is no answer"
    assert str(found) == "" or found.outcome.answered
    assert verdict.cost is None or 0 <= verdict.cost < 10**5
    tally = Tally()
    tally.attempted(verdict, 1.0)
    tally.finished(found)
    json.dumps(tally.to_dict(), allow_nan=False)
    assert replace(usage, cost=None) == replace(load_completion(dump_completion(found)).usage, cost=None)


@pytest.mark.parametrize("wire", dialects.WIRES)
@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=400), status=st.sampled_from(STATUSES), headers=st.sampled_from(HEADERS))
def test_any_bytes_are_judged(wire, body, status, headers):
    """Bytes without any meaning are judged too, and are never an answer."""
    verdict = verdict_on(PROVIDERS[wire], PRICES, Raw(status, headers, body), REQUEST)
    assert verdict is not None, "our reader failed"
    assert not verdict.completion.outcome.answered


@pytest.mark.parametrize("wire", dialects.WIRES)
def test_no_exception_leaves_the_backend(wire, server, tmp_path, caplog):
    """A run over mutated responses ends with one outcome for each question, and its ledger opens."""
    provider = server.provider(dialects.WIRES[wire], "m", probe=False)
    jobs = [Job(str(i), "task", lambda: REQUEST.prompt, REQUEST.settings, repeat=i) for i in range(60)]
    for seed in range(200):
        raw = response(seed, wire)
        if raw.status >= 200 and raw.status != 599 and raw.status < 600:
            server.state.fail(
                "recorded", status=raw.status, headers={"content-type": "application/json"}, body=raw.body
            )
    limits = Limits(max_wait=0, max_attempts=2)
    found: list[Completion] = []
    for part in range(0, len(jobs), 5):  # a refused account stops a run, and the next begins
        backend = Backend(
            provider, ledger=Ledger.open(tmp_path / "ledger"), limits=limits, prices=PRICES, progress=False
        )
        try:
            found += backend.run(jobs[part : part + 5])
            json.dumps(backend.totals(), allow_nan=False)
        finally:
            backend.close()
    assert len(found) == len(jobs)
    assert "the reader of" not in caplog.text
    with Ledger.open(tmp_path / "ledger") as ledger:
        assert ledger.summary().attempts > 0


def test_a_body_that_our_reader_fails_on_is_kept(server, tmp_path, monkeypatch):
    """A defect of a reader is one outcome that says so; the response stays in the ledger and is read once mended."""
    provider = server.provider("openai-compatible", "m", probe=False)
    job = Job("0", "task", lambda: REQUEST.prompt, REQUEST.settings)
    with monkeypatch.context() as broken:
        broken.setattr(type(provider), "decode", lambda *_: 1 / 0)
        backend = Backend(provider, ledger=Ledger.open(tmp_path / "ledger"), progress=False)
        assert backend.run([job])[0].outcome is Outcome.MALFORMED
        backend.close()
    backend = Backend(provider, ledger=Ledger.open(tmp_path / "ledger"), progress=False)
    assert backend.run([job])[0].outcome is Outcome.COMPLETE
    backend.close()
    assert len(server.state.bills) == 1


def test_one_broken_line_of_a_batch_loses_none_of_the_others():
    """Results of a batch are read line by line, whatever one of them holds; a page is no results."""
    lines = [
        b'{"custom_id": "a"}',
        b'{"custom_id": "b", "x": "\xff"}',
        b'{"cut',
        b"[]",
        b"",
        b'{"custom_id": "\\ud83d"}',
    ]
    found = result_lines(Raw(200, body=b"\n".join(lines)), "batch")
    assert [line["custom_id"] for line in found] == ["a", "b", "\ud83d"]
    assert json.loads(written(found[2])) == found[2]
    assert result_lines(Raw(200), "batch") == []
    for raw in (Raw(200, body=b"<html>Sign in</html>"), Raw(200, body=b"{}", error="broke off"), Raw(500)):
        with pytest.raises(ProviderError, match="the results of batch cannot be fetched"):
            result_lines(raw, "batch")


@pytest.mark.parametrize("wire", ["responses", "messages", "gemini"])
def test_batches_read_whatever_a_line_holds(wire):
    """Each result of a batch becomes a response that can be judged, whatever its line holds."""
    read = {"responses": openai_batches, "messages": anthropic_batches, "gemini": gemini_batches}[wire]
    for seed in range(300):
        rng = random.Random(seed)  # noqa: S311 - repeats by its seed
        good = {"type": "succeeded", "message": {}, "response": {"status_code": 200, "body": {}}, "error": {"code": 8}}
        line = structure(rng, structure(rng, {"custom_id": "a", "key": "a", **good, "result": good}))
        if isinstance(line, dict):
            raw = read._raw(line)
            assert verdict_on(PROVIDERS[wire], PRICES, raw, REQUEST) is not None
