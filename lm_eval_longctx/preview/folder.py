"""One prompt as a folder: its text, its media, and each needle in its surroundings."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval_longctx.errors import ConfigError
from lm_eval_longctx.files import whole
from lm_eval_longctx.preview import media
from lm_eval_longctx.preview.excerpts import Excerpt, text_excerpts
from lm_eval_longctx.preview.marks import media_marks
from lm_eval_longctx.preview.pictures import Frame, contact_sheet, spectrogram
from lm_eval_longctx.prompt import AudioPart, ImagePart, TextPart, VideoPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lm_eval_longctx.preview.marks import MediaMark
    from lm_eval_longctx.preview.recipes import Recipes
    from lm_eval_longctx.prompt import MediaPart, Part, Prompt
    from lm_eval_longctx.sample import Sample

_AROUND = 4.0
"""Seconds of sound before and after a needle."""

_LONGEST = 60.0
"""Seconds of sound that are drawn and cut out at most."""

_BESIDE = 4
"""Frames before and after a needle's."""

_SUFFIXES = {"audio/ogg": ".ogg", "audio/mpeg": ".mp3", "image/jpeg": ".jpg"}
"""Where the kind of a file is called otherwise than its suffix."""

TEXT, TURNS, MEDIA = "prompt.txt", "prompt.json", "media"


@dataclass(frozen=True)
class Needle:
    """What was written of one needle.

    Attributes:
        caption: What it is, and where.
        text: The text around it, if it is text.
        picture: A contact sheet or a spectrogram.
        sound: The seconds around it.
    """

    caption: str
    text: Excerpt | None = None
    picture: Path | None = None
    sound: Path | None = None


def write_prompt(prompt: Prompt, folder: Path) -> list[Path]:
    """Write what a model is sent: the text as it is, and where there is more than one text, all parts in order.

    Args:
        prompt: The prompt.
        folder: Made if it is not there; a file of the same name is replaced.

    Returns:
        What was written, the text first.

    Raises:
        ConfigError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = _write_media(list(prompt.media()), folder / MEDIA)
        with whole(folder / TEXT) as beside, beside.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_text_of(part, files, folder) for part in prompt.parts())
            file.write(prompt.answer_prefix)
        if not files and len(prompt.turns) == 1 and not prompt.answer_prefix:
            return [folder / TEXT]
        with whole(folder / TURNS) as beside, beside.open("w", encoding="utf-8") as file:
            file.writelines(_turns(prompt, files, folder))
    except OSError as error:
        raise ConfigError(f"cannot write to {folder} ({error.strerror}); name another folder with --output") from error
    return [folder / TEXT, folder / TURNS, *dict.fromkeys(files.values())]


def _write_media(parts: Sequence[MediaPart], folder: Path) -> dict[str, Path]:
    """Copy media, numbered in their order; what comes again is there once."""
    files: dict[str, Path] = {}
    for part in parts:
        if part.digest not in files:
            suffix = _SUFFIXES.get(part.mime, Path(part.path).suffix or f".{part.mime.rpartition('/')[2]}")
            folder.mkdir(exist_ok=True)
            files[part.digest] = folder / f"{len(files) + 1:05d}{suffix}"
            with whole(files[part.digest]) as beside:
                shutil.copyfile(part.path, beside)  # not a link: who edits it must not change the cache
    return files


def _text_of(part: Part, files: dict[str, Path], folder: Path) -> str:
    return part.text if isinstance(part, TextPart) else f"[{files[part.digest].relative_to(folder).as_posix()}]"


def _turns(prompt: Prompt, files: dict[str, Path], folder: Path) -> Iterator[str]:
    """Yield roles and parts as JSON, piece by piece: no text is held twice."""
    yield '{"turns": ['
    for number, turn in enumerate(prompt.turns):
        yield f'{", " if number else ""}{{"role": {json.dumps(turn.role)}, "parts": ['
        for place, part in enumerate(turn.parts):
            yield f"{',' if place else ''}\n{json.dumps(_plain(part, files, folder), ensure_ascii=False)}"
        yield "]}"
    yield f'], "answer_prefix": {json.dumps(prompt.answer_prefix)}, "digest": "{prompt.digest}"}}\n'


def _plain(part: Part, files: dict[str, Path], folder: Path) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    named = {"file": files[part.digest].relative_to(folder).as_posix(), "sha256": part.digest}
    return {**named, **{key: value for key, value in vars(part).items() if key not in {"path", "digest"}}}


def write_needles(recipes: Recipes, sample: Sample, prompt: Prompt, folder: Path, context: int) -> Iterator[Needle]:
    """Write each needle of a prompt in its surroundings; nothing where nobody knows of one.

    Args:
        recipes: Of the run.
        sample: The sample.
        prompt: Its prompt.
        folder: Where ``write_prompt`` wrote.
        context: Characters of text before and after a needle.

    Yields:
        What was written, needle by needle.

    Raises:
        MediaError: A medium cannot be read.
    """
    passages = recipes.builder(sample).passages(sample)
    for excerpt in text_excerpts(prompt, sample, passages, context):
        yield Needle(excerpt.caption, text=excerpt)
    parts = list(prompt.parts())
    for number, mark in enumerate(media_marks(prompt, sample), 1):
        part = parts[mark.part]
        if isinstance(part, (VideoPart, ImagePart)):
            yield _seen_needle(sample, parts, mark, folder / f"needle-{number}")
        if isinstance(part, AudioPart) or (isinstance(part, VideoPart) and part.has_audio):
            yield _sound_needle(recipes, sample, part, mark, folder / f"needle-{number}-sound")


def _seen_needle(sample: Sample, parts: Sequence[Part], mark: MediaMark, path: Path) -> Needle:
    part = parts[mark.part]
    if isinstance(part, VideoPart):
        where = f"{media.clock(mark.start)} of {media.clock(part.seconds)}"
        frames = [
            Frame(media.clock(seconds), picture, media.holds(part, mark, seconds))
            for seconds, picture in media.frames_around(part, mark, _BESIDE)
        ]
    else:
        where, frames = _neighbours(parts, mark)
    caption = f"{mark.label} at {where}"
    file = path.with_suffix(".png")
    contact_sheet(f"{sample['task']} {sample['id']}: {caption}", frames).save(file)
    return Needle(caption, picture=file)


def _neighbours(parts: Sequence[Part], mark: MediaMark) -> tuple[str, list[Frame]]:
    """Return the pictures of a prompt around one of them, called by the text before each."""
    pictures = [number for number, part in enumerate(parts) if isinstance(part, ImagePart)]
    place = pictures.index(mark.part)
    frames = []
    for at in range(max(0, place - _BESIDE), min(len(pictures), place + _BESIDE + 1)):
        part, before = parts[pictures[at]], parts[pictures[at] - 1] if pictures[at] else None
        named = before.text.strip().rpartition("\n")[2] if isinstance(before, TextPart) else ""
        label = named.rstrip(": ") if named[:1] == "P" or named[:1].isdigit() else f"picture {at + 1}"
        frames.append(Frame(label, media.opened(getattr(part, "path", "")), at == place))
    return f"picture {place + 1} of {len(pictures)}", frames


def _sound_needle(recipes: Recipes, sample: Sample, part: AudioPart | VideoPart, mark: MediaMark, path: Path) -> Needle:
    start = max(0.0, mark.start - _AROUND)
    stop = min(part.seconds, mark.stop + _AROUND, start + _LONGEST)
    sound = media.sound_between(part, start, stop)
    caption = f"{mark.label} at {media.clock(mark.start, tenths=True)} of {media.clock(part.seconds)}"
    heard = recipes.builder(sample).heard(sample, start, stop)
    title = f"{sample['task']} {sample['id']}: {caption}"
    picture, file = path.with_suffix(".png"), path.with_suffix(".wav")
    spectrogram(title, sound, start, (mark.start, mark.stop), heard).save(picture)
    media.write_wav(sound, file)
    return Needle(caption, picture=picture, sound=file)
