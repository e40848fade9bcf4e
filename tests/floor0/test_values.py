"""Prompts are named by content, and answers keep their outcome wherever they go."""

from __future__ import annotations

import copyreg
import io
import json
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Completion, Outcome, Usage
from lm_eval_longctx.errors import LongctxError, MissingExtraError, lacking_requirements, nearest, unknown_option
from lm_eval_longctx.prompt import AudioPart, ImagePart, Prompt, TextPart, Turn, VideoPart, file_digest

if TYPE_CHECKING:
    from pathlib import Path


def test_equal_content_is_equal_wherever_it_lies() -> None:
    """Two parts with one digest are equal and name one prompt, whatever their paths."""
    here, there = (ImagePart(path, "ab", "image/png", 4, 3) for path in ("/a.png", "/b.png"))
    assert here == there
    assert Prompt.user(here).digest == Prompt.user(there).digest


def test_everything_that_a_model_sees_changes_the_digest() -> None:
    """Text, order, role, media, sampling and the answer's beginning each change a prompt's name."""
    film = VideoPart("/f", "cd", "video/mp4", 60.0, 1.0, 64, 48)
    prompts = [
        Prompt.user(TextPart("a"), TextPart("b")),
        Prompt.user(TextPart("b"), TextPart("a")),
        Prompt.user(TextPart("ab")),
        Prompt.user(TextPart("a"), system="b"),
        Prompt((Turn("assistant", (TextPart("a"), TextPart("b"))),)),
        Prompt.user(TextPart("a"), TextPart("b"), answer_prefix="c"),
        Prompt.user(AudioPart("/f", "cd", "audio/flac", 1.0, 16_000)),
        Prompt.user(film),
        Prompt.user(VideoPart("/f", "cd", "video/mp4", 60.0, 2.0, 64, 48)),
    ]
    assert len({prompt.digest for prompt in prompts}) == len(prompts)


def test_text_and_its_size_leave_media_out() -> None:
    """A prompt's text is all text in order, and its size is counted in bytes of UTF-8."""
    prompt = Prompt.user(TextPart("né"), ImagePart("/a", "d", "image/png", 1, 1), TextPart("x"), answer_prefix=":")
    assert (prompt.text(), prompt.text_bytes, len(list(prompt.media()))) == ("néx:", 4, 1)


def test_file_digest_is_sha256(tmp_path: object) -> None:
    """A file's name is the sha256 of its bytes."""
    path = tmp_path / "f"  # type: ignore[operator]
    path.write_bytes(b"abc")
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.text(), st.sampled_from(list(Outcome)), st.integers(0, 9))
def test_a_completion_survives_pickling_whole(text: str, outcome: Outcome, attempts: int) -> None:
    """lm-eval's cache pickles answers; nothing that an answer carries is lost."""
    answer = Completion(
        text, outcome, Usage(3, cost=0.5), "why", 1.5, attempts, "key", ("note",), replayed=True, counted_tokens=7
    )
    back = pickle.loads(pickle.dumps(answer))  # noqa: S301 - our own bytes
    assert (str(back), back.to_dict(), back.usage) == (text, answer.to_dict(), answer.usage)
    assert back.changed(text="other").outcome is outcome


def test_a_completion_is_plain_text_to_json() -> None:
    """Logs see the text and nothing else; what it carries is asked for by name."""
    assert json.dumps(Completion("yes", Outcome.REFUSED)) == '"yes"'
    json.dumps(Completion("", Outcome.BLOCKED, Usage(1)).to_dict())


def test_only_answers_reach_a_scorer_and_only_hopeless_failures_stay() -> None:
    """Each outcome says whether it is an answer and whether asking again is useless."""
    answered = {o for o in Outcome if o.answered}
    assert answered == {Outcome.COMPLETE, Outcome.CUT_BY_OUTPUT_LIMIT, Outcome.REFUSED}
    assert not any(
        o.final for o in (Outcome.TRANSPORT_FAILED, Outcome.MALFORMED, Outcome.POSSIBLY_BILLED, Outcome.SKIPPED_BUDGET)
    )


def test_usage_adds_what_is_known() -> None:
    """Unknown plus known is known, and modalities add one by one."""
    total = Usage(1, by_modality={"text": 1}) + Usage(2, cached_tokens=5, by_modality={"text": 1, "audio": 4})
    assert total == Usage(3, cached_tokens=5, by_modality={"audio": 4, "text": 2})
    assert (Usage() + Usage()).prompt_tokens is None


def test_unknown_names_get_the_nearest_one() -> None:
    """An error about a name offers the most similar valid one and lists all."""
    message = str(unknown_option("metadata key", "context_length", ["depths", "context_lengths"]))
    assert (
        message
        == "unknown metadata key 'context_length'; did you mean 'context_lengths'? valid: context_lengths, depths"
    )
    assert nearest("zzz", ["depths"]) is None


def test_a_missing_extra_names_the_command() -> None:
    """The error of an optional part says what to install, and survives pickling."""
    error = MissingExtraError("the OCR reader", "embedded")
    assert isinstance(error, LongctxError)
    assert "pip install 'lm-eval-longctx[embedded]'" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes


@pytest.fixture
def half_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a distribution with two requirements, of which one is missing, and an extra that is missing too."""
    folder = tmp_path / "half-1.0.dist-info"
    folder.mkdir()
    lines = ("pytest>=1", "surely-not-installed>=2.0", "neither-this; extra == 'more'")
    text = "Metadata-Version: 2.1\nName: half\nVersion: 1.0\n" + "".join(f"Requires-Dist: {line}\n" for line in lines)
    (folder / "METADATA").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "half"


def test_a_missing_requirement_is_not_blamed_on_an_extra(half_installed: str) -> None:
    """Where what should have come along is missing, the error names that, and no extra."""
    assert lacking_requirements(half_installed) == ["surely-not-installed>=2.0"]
    for extra in ("more", None):
        told = str(MissingExtraError("the reader", extra, half_installed))
        assert told == (
            "the reader needs surely-not-installed>=2.0, which half requires: pip install 'surely-not-installed>=2.0'"
        )
    whole = str(MissingExtraError("the reader", None, "pytest"))
    assert whole == "the reader needs something that pytest requires: pip install --force-reinstall pytest"


@pytest.mark.parametrize("reasonless", [TextPart("a"), Turn("user", ())])
def test_values_are_frozen(reasonless: object) -> None:
    """Parts cannot be changed after they are made."""
    with pytest.raises(AttributeError):
        reasonless.role = "x"


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_answers_that_earlier_versions_pickled_are_read(protocol: int) -> None:
    """A cache that an earlier version pickled, with a dictionary beside the arguments, gives the same answers."""
    answer = Completion("yes", Outcome.REFUSED, Usage(3), "why", 1.5, 2, "key", ("note",), True, 7)  # noqa: FBT003

    class Earlier(pickle.Pickler):
        """Writes as a class without slots does."""

        def reducer_override(self, value: object) -> object:
            if not isinstance(value, Completion):
                return NotImplemented
            return copyreg.__newobj__, (Completion, *value.__getnewargs__()), {"detail": "why", "attempts": 2}

    kept = io.BytesIO()
    Earlier(kept, protocol).dump(answer)
    back = pickle.loads(kept.getvalue())  # noqa: S301 - our own bytes
    assert (str(back), back.to_dict()) == (str(answer), answer.to_dict())


def test_an_answer_holds_nothing_beside_its_fields() -> None:
    """An answer has no dictionary of its own, which would be half of what a long run keeps."""
    with pytest.raises(AttributeError):
        Completion("yes").other = 1
    assert not hasattr(Completion("yes").changed(attempts=2), "__dict__")
