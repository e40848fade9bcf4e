"""``lm-eval-longctx judge``: whose long answers are better, and what of them the source supports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.cli.arguments import positive
from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.harness.ending import STOPPED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from lm_eval_longctx.backend import Backend, Job
    from lm_eval_longctx.harness.lm import LongctxLM
    from lm_eval_longctx.judging.answers import Field
    from lm_eval_longctx.judging.compare import Judged, Pair
    from lm_eval_longctx.judging.support import Claim
    from lm_eval_longctx.providers.base import Settings

FOLDER = "longctx-judged"
FILE, FIGURE = "judged.json", "strengths.svg"
CLAIMS, RATED = "claims.json", "rated.json"
"""Of claims and of ratings alone: they leave verdicts that were paid before, and their figure, where they are."""
INCOMPLETE = "incomplete-"
"""Begins the names of what is written where calls have not got through: what is whole stays until a new one is."""

LEXICAL = "model=lexical"

EPILOG = """\
examples:
  lm-eval-longctx judge out/                                    compare all players' answers by their words, offline
  lm-eval-longctx judge out/ --judge model=gemini/gemini-3-pro,max_cost=5
  lm-eval-longctx judge out/ --judge model=... --support        also: is each claim supported by the document?
  lm-eval-longctx judge out/ --sheet sheet.csv                  a sheet to fill in by people, in blinded order
  lm-eval-longctx judge out/ --judge model=... --human sheet.csv
  lm-eval-longctx judge out/ --rating-sheet rate.csv            each answer alone, 0 to 6, as for Kalamang
  lm-eval-longctx judge out/ --no-pairs --ratings rate.csv

A player is a model, with what it read where a task asks with and without
the document. Every two answers to a question are compared in both orders;
verdicts that depend on the order are ties. Runs need --log_samples. The
judge goes through the ledger as any model does: a stopped run goes on where
it was, and nothing is paid twice.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EPILOG
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="result files, logs, or folders given to --output_path"
    )
    parser.add_argument(
        "--judge",
        default=LEXICAL,
        metavar="ARGS",
        help="the judge, as --model_args of --model longctx (default: model=lexical, which compares words, offline)",
    )
    parser.add_argument("--tasks", default="", metavar="A,B", help="only these tasks (default: all that ask questions)")
    parser.add_argument("--support", action="store_true", help="check each claim of each answer against the document")
    parser.add_argument("--no-pairs", action="store_true", help="do not compare answers: check claims only")
    parser.add_argument(
        "--without-known", action="store_true", help="do not show the judge the known answer and its passages"
    )
    parser.add_argument(
        "--sheet", metavar="FILE", help="write a CSV sheet for people to fill in, ask nothing, and stop"
    )
    parser.add_argument("--human", action="append", default=[], metavar="FILE", help="a sheet that was filled in")
    parser.add_argument("--rating-sheet", metavar="FILE", help="write a sheet on which people rate each answer, 0 to 6")
    parser.add_argument("--ratings", action="append", default=[], metavar="FILE", help="such a sheet, filled in")
    parser.add_argument(
        "--max-tokens",
        type=positive,
        default=1024,
        metavar="N",
        help="of one verdict, thoughts included (default: 1024)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="draws orders, false claims, lines of sheets (0)"
    )
    parser.add_argument("--output", metavar="DIR", help=f"where to write (default: {FOLDER} in the first folder)")
    parser.add_argument(
        "--dry-run", action="store_true", help="tell how many calls it takes and what they cost at most"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


@dataclass(frozen=True)
class _Work:
    """What is to be judged."""

    field: Field
    pairs: Sequence[Pair]
    claims: Sequence[Claim]
    known: bool

    def jobs(self, settings: Settings) -> list[Job]:
        """Return all calls that it takes."""
        from lm_eval_longctx.judging.compare import jobs
        from lm_eval_longctx.judging.support import claim_jobs

        return [*jobs(self.pairs, settings, known=self.known), *claim_jobs(self.claims, settings)]


def run(args: argparse.Namespace) -> int:
    """Judge, print a table, and write what was found."""
    from lm_eval_longctx.judging.answers import read_answers
    from lm_eval_longctx.judging.record import record

    field = read_answers(args.paths, tuple(name for name in args.tasks.split(",") if name))
    work = _work(field, args)
    if args.sheet or args.rating_sheet:
        return _write_sheets(work, args)
    if args.ratings and not work.pairs and not work.claims:
        return _show(_with_ratings(record({"name": "people"}, field, known=True), field, args), args)
    _check_sheets(work, args)
    from lm_eval_longctx.harness.lm import LongctxLM

    judge = LongctxLM.create_from_arg_string(args.judge)
    if judge.provider.NAME == "lexical" and work.pairs and not work.known:
        raise ConfigError(
            "the lexical judge compares answers with what is known to be right; leave --without-known out"
        )
    settings = judge.settings({"max_gen_toks": args.max_tokens, "temperature": 0.0})
    if args.dry_run:
        return _tell_cost(work.jobs(settings), judge.backend)
    return _judge(work, judge, settings, args)


def _work(field: Field, args: argparse.Namespace) -> _Work:
    from lm_eval_longctx.judging.compare import pairs
    from lm_eval_longctx.judging.support import all_claims

    found = [] if args.no_pairs else pairs(field, args.seed)
    claims = all_claims(field, args.seed) if args.support else []
    if not found and not claims and not args.ratings and not args.rating_sheet:
        raise ConfigError(
            f"there is nothing to compare: only {', '.join(field.players)} answered; add the results of another model, "
            "or of the same task with another context, or check claims with --support"
        )
    return _Work(field, found, claims, not args.without_known)


def _write_sheets(work: _Work, args: argparse.Namespace) -> int:
    from lm_eval_longctx.judging import ratings, record
    from lm_eval_longctx.judging.sheets import write_sheet

    asked = (
        (args.sheet, record.sheet_lines(work.pairs), record.COLUMN, "1, 2 or tie", "--human"),
        (args.rating_sheet, ratings.rating_lines(work.field), ratings.COLUMN, f"0 to {ratings.MOST}", "--ratings"),
    )
    for named, lines, column, words, option in asked:
        if named and not lines:
            raise ConfigError("there are no two different answers to one question to be judged")
        if named:
            path = write_sheet(named, lines, column, args.seed)
            print(f"wrote {path}: {len(lines)} lines. In the column {column}, write {words}; give it back as {option}.")
    return 0


def _check_sheets(work: _Work, args: argparse.Namespace) -> None:
    """Read what people filled in before anything is paid: a wrong line is told now."""
    from lm_eval_longctx.judging.ratings import ratings
    from lm_eval_longctx.judging.record import COLUMN, MEANINGS
    from lm_eval_longctx.judging.sheets import read_sheet

    if args.human and not work.pairs:
        raise ConfigError("--human compares verdicts on pairs; leave --no-pairs out")
    for path in args.human:
        read_sheet(path, COLUMN, MEANINGS, [pair.name for pair in work.pairs])
    ratings(work.field, args.ratings)


def _with_ratings(found: dict[str, Any], field: Field, args: argparse.Namespace) -> dict[str, Any]:
    """Add what people gave, where sheets were given back."""
    from lm_eval_longctx.judging.ratings import ratings

    return {**found, "ratings": ratings(field, args.ratings)} if args.ratings else found


def _tell_cost(jobs: Sequence[Job], backend: Backend) -> int:
    """Tell how many calls it takes, and what is set aside for them; calls with the same words are one."""
    from lm_eval_longctx.backend.verdict import worst_case
    from lm_eval_longctx.providers.base import Request

    print(f"{len(jobs):,} calls, about {sum(job.tokens for job in jobs):,} prompt tokens")
    requests = {request.prompt.digest: request for job in jobs for request in (Request(job.render(), job.settings),)}
    if backend.prices is None:
        print("the judge's price is not known: give price_in= and price_out= (US dollars per million tokens)")
        return 0
    worst = [worst_case(backend.provider, backend.prices, request, 0) or 0.0 for request in requests.values()]
    print(f"at most {sum(worst):,.2f} USD, if each of {len(worst):,} different calls used all of its output")
    cap = backend.limits.max_cost
    if cap is not None and sum(worst) > cap:
        print(f"max_cost={cap:g} is below that: it ends the judging if calls come to that much; what is paid is kept")
    return 0


def _judge(work: _Work, judge: LongctxLM, settings: Settings, args: argparse.Namespace) -> int:
    from lm_eval_longctx.judging.compare import judge_pairs, ranking
    from lm_eval_longctx.judging.record import pair_rows, record, with_people
    from lm_eval_longctx.judging.support import check_claims, supported

    ask = judge.backend.run
    found = record({"name": judge.name, **judge.provider.describe()}, work.field, known=work.known)
    if work.pairs:
        judged = judge_pairs(work.pairs, settings, ask, known=work.known)
        found |= {"ranking": ranking(judged, work.field.players), "pairs": pair_rows(judged)}
        found |= _people(judged, args.human, with_people)
    if work.claims and not _gave_nothing(judge.backend.totals()):
        verdicts = check_claims(work.claims, settings, ask)
        found["support"] = supported(work.claims, verdicts, work.field.players)
    found["totals"] = judge.backend.totals()
    if _gave_nothing(found["totals"]):
        return STOPPED  # a table of nothing would hide the line that has been said
    return _show(_with_ratings(found, work.field, args), args)


def _gave_nothing(totals: Mapping[str, Any]) -> bool:
    """Tell whether sending stopped before anything was answered: a refused key, a server that is not there."""
    from lm_eval_longctx.completion import Outcome

    return bool(totals["stopped"]) and not any(Outcome(name).answered for name in totals["outcomes"])


def _people(judged: Sequence[Judged], sheets: Sequence[str], compared: Any) -> dict[str, Any]:
    return {"agreement": compared(judged, sheets)} if sheets else {}


def _show(found: dict[str, Any], args: argparse.Namespace) -> int:
    """Print and write; 1 if some verdict is missing, 4 if its call was not sent: asked again, only those are paid.

    What is not whole has files of its own, which end once the whole is there.
    """
    from lm_eval_longctx.cli.table import table
    from lm_eval_longctx.report.figures import available, save
    from lm_eval_longctx.report.judged import sentences, shown, strength_figure
    from lm_eval_longctx.report.writing import write_files
    from lm_eval_longctx.screen import fitted

    first = Path(args.paths[0])
    folder = Path(args.output) if args.output else (first if first.is_dir() else first.parent) / FOLDER
    text = f"{table(*shown(found))}\n\n{fitted(sentences(found))}"
    plain = json.dumps(found, indent=2, ensure_ascii=False)
    begin = INCOMPLETE if _incomplete(found) else ""
    name = FILE if "ranking" in found else CLAIMS if "support" in found else RATED
    written = write_files(folder, [(f"{begin}{name}", plain.encode())])
    figure = strength_figure(found)
    if figure and available():
        written.append(save(figure, folder / f"{begin}{FIGURE}"))
    for whole in (name, *((FIGURE,) if figure else ())) if not begin else ():
        (folder / f"{INCOMPLETE}{whole}").unlink(missing_ok=True)
    print(plain if args.json else "\n".join([text, "wrote", *(f"  {path}" for path in written)]))
    if found.get("totals", {}).get("unsent"):
        return STOPPED
    missing = sum(found.get("ranking", {}).get("without_verdict", {}).values())
    return 1 if missing + found.get("support", {}).get("without_verdict", 0) else 0


def _incomplete(found: dict[str, Any]) -> bool:
    """Tell whether some call would be sent again by the same command."""
    from lm_eval_longctx.completion import Outcome

    outcomes = found.get("totals", {}).get("outcomes", {})
    return any(count and not Outcome(name).final for name, count in outcomes.items())
