"""Judging whole runs: what comes out is about the answers, not about the judge's habits, and nothing is paid twice."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.backend import Backend, Limits
from lm_eval_longctx.cli import main
from lm_eval_longctx.errors import ConfigError, ResultsError
from lm_eval_longctx.judging.answers import read_answers
from lm_eval_longctx.judging.compare import judge_pairs, pairs, ranking
from lm_eval_longctx.judging.lexical import judged as by_words
from lm_eval_longctx.judging.ratings import _player
from lm_eval_longctx.judging.record import COLUMN, MEANINGS, sheet_lines, with_people
from lm_eval_longctx.judging.sheets import read_sheet, write_sheet
from lm_eval_longctx.judging.support import (
    Claim,
    all_claims,
    check_claims,
    claims_of,
    known_claims,
    passages_for,
    supported,
)
from lm_eval_longctx.judging.wording import ANSWER_A, ANSWER_B, CLAIM, PASSAGES, sections
from lm_eval_longctx.ledger import Ledger
from lm_eval_longctx.providers.base import Settings
from lm_eval_longctx.providers.scripted import ScriptedProvider
from lm_eval_longctx.report.judged import sentences
from lm_eval_longctx.testing.server import KEY, LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable


def right(sample: Any) -> str:
    """Answer right, in a sentence."""
    return f"The text tells that it is {sample['target'][0]}."


def wrong(sample: Any) -> str:
    """Answer wrong, at length."""
    text = "one may suppose that it was the miller of the far valley, who slept"
    text = "one may suppose that it was the miller of the far valley, who slept"
    return f"Nothing of {sample['index']} is sure, but {text}."


def asking(script: Any, ledger: Ledger | None = None) -> tuple[Callable[..., Any], ScriptedProvider]:
    """Return what sends jobs to a judge that answers as a function of its prompt, or a list, does."""
    provider = ScriptedProvider(
        "judge", script=(lambda request: script(request.prompt.text())) if callable(script) else script
    )
    return Backend(provider, ledger=ledger, limits=Limits(max_wait=0, max_attempts=1), progress=False).run, provider


SETTINGS = Settings(max_output_tokens=64)


def test_who_answers_right_is_stronger(players) -> None:
    """The lexical judge ranks the player who is right above the one who is wrong, and both orders agree."""
    field = read_answers([players(good=right, bad=wrong)])
    judged = judge_pairs(pairs(field), SETTINGS, asking(by_words)[0])
    found = ranking(judged, field.players)
    assert [row["player"] for row in found["players"]] == ["good", "bad"]
    assert found["players"][0]["won"] == 1.0
    assert found["players"][0]["boundless"]
    assert found["order"]["consistent"] == 1.0
    assert found["without_verdict"] == {}


def test_a_judge_that_prefers_the_first_finds_nobody_better_and_is_told_apart(players) -> None:
    """Verdicts that depend on the order are ties, and the share of first wins says why."""
    field = read_answers([players(good=right, bad=wrong)])
    found = ranking(judge_pairs(pairs(field), SETTINGS, asking(["Verdict: A"])[0]), field.players)
    assert [row["value"] for row in found["players"]] == pytest.approx([1.0, 1.0])
    assert found["order"]["consistent"] == 0.0
    assert found["order"]["first_wins"] == 1.0
    assert found["order"]["interval"]["low"] > 0.5


def longer(prompt: str) -> str:
    """Judge by length alone."""
    found = sections(prompt)
    return "Verdict: A" if len(found[ANSWER_A]) > len(found[ANSWER_B]) else "Verdict: B"


def test_a_judge_that_prefers_length_is_told_apart(players) -> None:
    """Where both players write long and short, it is said that the longer answer wins throughout."""

    def some(turn: int) -> Callable[[Any], str]:
        return lambda sample: right(sample) + " So it is told." * (3 * ((sample["index"] + turn) % 2))

    field = read_answers([players(one=some(0), other=some(1))])
    found = ranking(judge_pairs(pairs(field), SETTINGS, asking(longer)[0]), field.players)
    assert found["length"] == {"odds": None, "interval": None, "boundless": "longer"}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"outcome": "refused", "text": "I will not. Verdict: A"}, "refused"),
        ({"outcome": "transport_failed"}, "transport_failed"),
        ("Both have merits.", "unreadable verdict"),
    ],
)
def test_what_has_no_verdict_is_left_out_and_counted(players, reply, why) -> None:
    """A failed call or an unreadable verdict is never a win, a loss or a tie."""
    field = read_answers([players(good=right, bad=wrong)])
    found = ranking(judge_pairs(pairs(field), SETTINGS, asking([reply])[0]), field.players)
    assert found["players"] == []
    assert found["without_verdict"] == {why: 2 * len(field.answers)}


def test_equal_texts_alone_rank_nobody_where_the_judge_is_silent(players) -> None:
    """If no call has a verdict there are no strengths, though some pairs are ties without a call."""
    models = {"one": right, "other": lambda sample: right(sample) if sample["index"] else wrong(sample)}
    field = read_answers([players(**models)])
    found = ranking(judge_pairs(pairs(field), SETTINGS, asking([{"outcome": "transport_failed"}])[0]), field.players)
    assert found["same_text"] > 0
    assert found["players"] == []
    assert found["pairs_without_verdict"] == found["pairs"] - found["same_text"]


def test_failed_answers_are_not_judged(players) -> None:
    """A call that failed is left out with its reason; a player without answers is in no pair."""
    field = read_answers([players(good=right, bad=lambda sample: wrong(sample) if sample["index"] else None)])
    failed = field.left_out["the call ended as transport_failed"]
    assert failed > 0
    assert len(pairs(field)) == len(field.answers) - failed


def test_thoughts_are_not_judged(players) -> None:
    """What a model thinks aloud is no part of its answer; a thought without an end is no answer."""
    models = {
        "aloud": lambda sample: f"<think>hm, {wrong(sample)}</think>{right(sample)}",
        "endless": lambda _: "<think>and on",
    }
    field = read_answers([players(**models)])
    assert field.left_out == {"a thought was begun and never ended": len(field.answers)}
    assert all("hm" not in answer.text for answers in field.answers.values() for answer in answers.values())


def test_equal_answers_are_ties_that_cost_nothing(players) -> None:
    """Two answers that are the same to the letter need no judge."""
    field = read_answers([players(one=right, other=right)])
    ask, provider = asking(["Verdict: A"])
    found = ranking(judge_pairs(pairs(field), SETTINGS, ask), field.players)
    assert provider.requests == []
    assert found["same_text"] == len(field.answers)
    assert [row["value"] for row in found["players"]] == pytest.approx([1.0, 1.0])


def test_a_second_judgement_pays_nothing(players, tmp_path) -> None:
    """The judge's calls are in the ledger: judging again sends nothing and says the same."""
    field = read_answers([players(good=right, bad=wrong)])
    first, _ = asking(by_words, Ledger.open(tmp_path / "ledger"))
    said = judge_pairs(pairs(field), SETTINGS, first)
    second, provider = asking(["Verdict: tie"], Ledger.open(tmp_path / "ledger"))
    assert judge_pairs(pairs(field), SETTINGS, second) == said
    assert provider.requests == []


def test_the_judge_does_not_see_who_answered(players) -> None:
    """No prompt holds a player's name, and each pair is asked in both orders."""
    field = read_answers([players(secretmodel=right, othermodel=wrong)])
    ask, provider = asking(by_words)
    judge_pairs(pairs(field), SETTINGS, ask)
    prompts = [request.prompt.text() for request in provider.requests]
    assert not [prompt for prompt in prompts if "secretmodel" in prompt or "othermodel" in prompt]
    orders = {(sections(p)[ANSWER_A], sections(p)[ANSWER_B]) for p in prompts}
    assert {(b, a) for a, b in orders} == orders


def test_a_sheet_goes_to_people_and_comes_back(players, tmp_path) -> None:
    """A sheet names nobody, keeps what is there, and read back tells how far judge and people agree."""
    field = read_answers([players(good=right, bad=wrong)])
    found = pairs(field)
    sheet = write_sheet(tmp_path / "sheet.csv", sheet_lines(found), COLUMN)
    text = sheet.read_text(encoding="utf-8-sig")
    assert "good" not in text
    assert "bad" not in text
    with pytest.raises(ConfigError, match="may be filled in"):
        write_sheet(sheet, sheet_lines(found), COLUMN)
    better = {pair.name: "1" if pair.one.player == "good" else "2" for pair in found}
    filled = {"first": tmp_path / "first.csv", "second": tmp_path / "second.csv"}
    for path, delimiter in zip(filled.values(), ",;", strict=True):
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
            writer.writeheader()
            writer.writerows({**row, COLUMN: better[row["name"].removeprefix("n-")]} for row in rows)
    judged = judge_pairs(found, SETTINGS, asking(by_words)[0])
    told = with_people(judged, list(filled.values()))
    assert [row["equal"] for row in told["judge"]] == [1.0, 1.0]
    assert told["people"][0]["kappa"] == pytest.approx(1.0)
    assert told["people"][0]["n"] == len(found)
    filled["first"].write_text(f"name,verdict\n{found[0].name},1\n")
    one = with_people(judged, [filled["first"]])
    assert [(row["filled"], row["of"]) for row in one["judge"]] == [(1, len(found))]
    record = {"judge": {"name": "j", "shown_known": True}, "questions": 4, "left_out": {}, "agreement": one}
    assert f"first.csv, 1 of its {len(found)} lines filled in: " in " ".join(sentences(record))


def test_lines_left_empty_are_left_out(tmp_path) -> None:
    """People need not judge everything."""
    path = tmp_path / "sheet.csv"
    path.write_text("name,verdict\nabc,\ndef,TIE \n")
    assert read_sheet(path, COLUMN, MEANINGS, ["abc", "def"]) == {"def": "tie"}


def test_cells_are_no_formulas(tmp_path) -> None:
    """An answer that begins like a formula is text in every spreadsheet."""
    path = write_sheet(tmp_path / "s.csv", [{"name": "x", "answer 1": "=1+1"}], COLUMN)
    assert "'=1+1" in path.read_text(encoding="utf-8-sig")


def knowing(prompt: str) -> str:
    """Judge a claim by whether its last words stand in the passages."""
    found = sections(prompt)
    claim = found[CLAIM].removeprefix("The text tells that it is ").rstrip(".").lower()
    return "Verdict: supported" if claim in found[PASSAGES].lower() else "Verdict: not supported"


def test_supported_claims_are_told_from_others(players) -> None:
    """Right answers are supported by their passage, wrong ones are not; a few known claims prove no judge."""
    field = read_answers([players(good=right, bad=wrong)])
    single = {
        key: answers for key, answers in field.answers.items() if answers["good"].logged.sample["kind"] == "single"
    }
    some = type(field)(field.players, single, {})
    claims = all_claims(some)
    found = supported(claims, check_claims(claims, SETTINGS, asking(knowing)[0]), field.players)
    rows = {row["player"]: row for row in found["players"]}
    assert rows["good"]["value"] == 1.0
    assert rows["bad"]["value"] == 0.0
    assert found["judge"]["sensitivity"]["value"] == 1.0
    assert found["judge"]["specificity"]["value"] == 1.0
    assert found["judge"]["tells"] is False
    assert rows["good"]["corrected"] is None
    assert found["without_verdict"] == 0


def test_a_claim_is_checked_against_its_own_document(players) -> None:
    """The passages that a judge is shown stand in the sample's document, whatever part of it the model read."""
    field = read_answers([players(good=right)])
    find = passages_for()
    for answers in field.answers.values():
        answer = answers["good"]
        assert all(len(passage) > 20 for passage in find(Claim(answer, answer.text)))


def test_known_claims_are_half_true(players) -> None:
    """Each question that is told gives one true and one false claim, the false one without a word of the right one."""
    field = read_answers([players(good=right)])
    claims = known_claims(field)
    assert sum(claim.truth is True for claim in claims) == sum(claim.truth is False for claim in claims) > 0
    for claim in claims:
        same = claim.text.lower() in {text.lower() for text in claim.answer.accepted}
        assert same == claim.truth


def test_claims_are_the_sentences_that_say_something(players) -> None:
    """Marks and blanks make no claim; each sentence makes one."""
    field = read_answers([players(good=lambda _: "It was Mr. Stone. He came in 1312!  ---  ")])
    answer = next(iter(field.answers.values()))["good"]
    assert claims_of(answer)[:2] == ["It was Mr. Stone.", "He came in 1312!"]
    assert len(claims_of(answer)) == 2


def test_the_command_prints_writes_and_repeats(players, tmp_path, capsys, monkeypatch) -> None:
    """From a folder of two models: a table, a file and a figure; the plan says the calls; again, the same."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    folder = players(good=right, bad=wrong)
    assert main(["judge", str(folder), "--dry-run"]) == 0
    assert "at most 0.00 USD" in capsys.readouterr().out
    assert main(["judge", str(folder), "--support"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("good") < printed.index("bad")
    assert "Judge: lexical" in printed
    assert (folder / "longctx-judged" / "strengths.svg").read_text().startswith("<svg")
    written = json.loads((folder / "longctx-judged" / "judged.json").read_text())
    assert written["schema"] == "lm-eval-longctx/judged"
    assert main(["judge", str(folder), "--support", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {**again, "totals": None} == {**written, "totals": None}


def test_what_one_model_read_makes_players_of_one_question(players) -> None:
    """Answers with the document, with its passages and without it are compared, though the last read far less."""
    folder = players(one=right)
    (log,) = folder.rglob("samples_*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lesser = [("retrieved", {}), ("none", {"context_label": "58", "asked_label": "4k"})]
    docs = [
        {**line, "doc": {**line["doc"], "context": context, "variant": f"{line['doc']['variant']}/{context}", **more}}
        for context, more in lesser
        for line in lines
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *docs]))
    field = read_answers([folder])
    assert field.players == ("full", "none", "retrieved")
    assert all(len(answers) == 3 for answers in field.answers.values())


def test_what_is_whole_stays_until_a_new_one_is(players, tmp_path, monkeypatch, capsys) -> None:
    """A judge that cannot be reached leaves the files of one that could be as they were, and its own beside them."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    folder = players(good=right, bad=wrong)
    assert main(["judge", str(folder)]) == 0
    out = folder / "longctx-judged"
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(kept) == {"judged.json", "strengths.svg"}
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "none")
    nowhere = "model=openai-compatible/nobody,base_url=http://127.0.0.1:9/v1,probe=false,max_wait=0,max_attempts=1,max_outage=0"
    assert main(["judge", str(folder), "--judge", nowhere]) == 1
    assert "incomplete-judged.json" in capsys.readouterr().out
    assert {name: (out / name).read_bytes() for name in kept} == kept
    assert main(["judge", str(folder)]) == 0
    assert {path.name for path in out.iterdir()} == set(kept)


@pytest.mark.parametrize("begun", [False, True])
def test_a_rejected_key_is_one_line(players, tmp_path, monkeypatch, capsys, caplog, begun) -> None:
    """A judge that takes no call is one line and status 4, without an empty table or file; what it began is shown."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", KEY)
    folder = players(good=right, bad=wrong)
    with LocalServer() as server:

        def refuse(_: object = None) -> str:
            server.state.fail("unauthorized", times=1000)  # whatever comes after this
            return "Verdict: A"

        server.state.answer = refuse
        if not begun:
            refuse()
        judge = f"model=openai-compatible/j,base_url={server.base_url('openai-compatible')},probe=false,concurrency=1"
        assert main(["judge", str(folder), "--support", "--judge", judge]) == 4
    assert begun or caplog.text.count("Incorrect API key") == 1
    assert ("strength" in capsys.readouterr().out) == begun
    assert (folder / "longctx-judged").exists() == begun


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--tasks", "no_such_task"], "no samples of no_such_task; there are docqa_long_longctx"),
        (["--without-known"], "lexical judge compares"),
        (["--no-pairs"], "nothing to compare"),
        (["--judge", "model=lexcal"], "lexical"),
    ],
)
def test_what_cannot_be_judged_is_said_before_anything_is_asked(players, capsys, arguments, why) -> None:
    """Unknown tasks and judges, and settings that do not go together, are one line each."""
    assert main(["judge", str(players(good=right, bad=wrong)), *arguments]) == 1
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "sheet", "why"),
    [
        (["--human"], "name,verdict\nzzz,1\n", "of other runs"),
        (["--ratings"], "name,rating\nzzz,1\n", "of other runs"),
        (["--no-pairs", "--support", "--human"], "name,verdict\n", "leave --no-pairs out"),
    ],
)
def test_a_wrong_sheet_is_told_before_anything_is_paid(players, capsys, monkeypatch, option, sheet, why) -> None:
    """Sheets are read first: the judge is not asked about anything while one of them is of other runs."""
    monkeypatch.setattr(Backend, "run", lambda *_: pytest.fail("the judge was asked"))
    folder = players(good=right, bad=wrong)
    (folder / "sheet.csv").write_text(sheet)
    assert main(["judge", str(folder), *option, str(folder / "sheet.csv")]) == 1
    assert why in capsys.readouterr().err


def test_one_player_alone_is_not_compared(players, capsys) -> None:
    """With one player there is nothing to compare, and it is said what to add."""
    assert main(["judge", str(players(good=right))]) == 1
    assert "only good answered" in capsys.readouterr().err


def test_a_folder_without_a_log_is_said(tmp_path) -> None:
    """Results without logs of samples cannot be judged."""
    with pytest.raises(ResultsError):
        read_answers([tmp_path])


def test_the_same_model_in_two_conditions_is_two_players(players, tmp_path) -> None:
    """Answers of one model to one question in two tasks are compared, and neither hides the other."""
    folder = players(good=right, bad=wrong)
    for path in (folder / "bad").iterdir():
        text = (
            path.read_text()
            .replace('"docqa_long_longctx"', '"docqa_other_longctx"')
            .replace('"name": "bad"', '"name": "good"')
        )
        path.with_name(path.name.replace("docqa_long", "docqa_other")).write_text(text)
        if "samples" in path.name:
            path.unlink()
    field = read_answers([folder])
    assert field.players == ("docqa_long_longctx", "docqa_other_longctx")
    assert all(len(answers) == 2 for answers in field.answers.values())


def test_people_rate_answers_one_by_one(players, tmp_path, capsys) -> None:
    """A sheet of single answers names nobody; means per player, and how far two people agree, come back."""
    folder = players(good=right, bad=wrong)
    sheet = tmp_path / "rate.csv"
    assert main(["judge", str(folder), "--rating-sheet", str(sheet)]) == 0
    rows = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"), newline="")))
    assert {"name", "question", "right", "answer", "rating"} == set(rows[0])
    for person, off in (("a", 0), ("b", 1)):
        with (tmp_path / f"{person}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows({**row, "rating": 6 - off if "The text tells" in row["answer"] else off} for row in rows)
    given = [*("--ratings", str(tmp_path / "a.csv")), *("--ratings", str(tmp_path / "b.csv"))]
    capsys.readouterr()
    assert main(["judge", str(folder), "--no-pairs", "--json", *given]) == 0
    found = json.loads(capsys.readouterr().out)["ratings"]
    assert [(row["player"], row["value"]) for row in found["players"]] == [("good", 5.5), ("bad", 0.5)]
    assert found["people"][0]["equal"] == 0.0
    assert found["people"][0]["kappa"] > 0.9
    assert [(row["n"], row["of"]) for row in found["sheets"]] == [(len(rows), len(rows))] * 2


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), min_size=1, max_size=12))
def test_an_interval_of_ratings_is_one_of_ratings(given_by) -> None:
    """Within 0 and 6, around the mean, and never of no width: also of few sentences, and of ratings that all agree."""
    row = _player("somebody", [(f"question {number}", value) for value, number in given_by])
    assert 0 <= row["interval"]["low"] <= row["value"] <= row["interval"]["high"] <= 6
    assert row["interval"]["low"] < row["interval"]["high"]


@given(st.lists(st.integers(0, 6), min_size=2, max_size=5), st.integers(0, 6))
def test_an_answer_that_many_rated_counts_once(many, one) -> None:
    """Who rated only some of the answers gives these no more weight than the others have."""
    rated = [*(("first", value) for value in many), ("second", one)]
    assert _player("somebody", rated)["value"] == pytest.approx((sum(many) / len(many) + one) / 2)


def test_ratings_leave_the_verdicts_that_are_there(players, tmp_path, monkeypatch, capsys) -> None:
    """What people gave, and claims alone, have files of their own: verdicts on pairs and their figure stay."""
    monkeypatch.setenv("LM_EVAL_LONGCTX_CACHE", str(tmp_path / "cache"))
    folder = players(good=right, bad=wrong)
    assert main(["judge", str(folder)]) == 0
    out = folder / "longctx-judged"
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(["judge", str(folder), "--rating-sheet", str(tmp_path / "rate.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "rate.csv").read_text(encoding="utf-8-sig"), newline="")))
    (tmp_path / "a.csv").write_text(f"name,rating\n{rows[0]['name']},3\n")
    capsys.readouterr()
    assert main(["judge", str(folder), "--no-pairs", "--ratings", str(tmp_path / "a.csv")]) == 0
    assert f"1 of {len(rows)} answers rated" in capsys.readouterr().out
    assert main(["judge", str(folder), "--no-pairs", "--support"]) == 0
    assert {name: (out / name).read_bytes() for name in kept} == kept
    assert {path.name for path in out.iterdir()} - set(kept) == {"rated.json", "claims.json"}
