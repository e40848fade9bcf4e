"""The arguments that all hosted providers take, declared like every other setting."""

from __future__ import annotations

from lm_eval_longctx.providers.capabilities import MODALITIES, SWITCHES
from lm_eval_longctx.providers.frames import FramePolicy
from lm_eval_longctx.providers.transport import Timeouts
from lm_eval_longctx.settings import Option

UPLOAD = ("auto", "always", "never")
_TIMES = Timeouts()

_BEFORE_VIDEO = (
    Option(
        "base_url", None, "another address of the same interface (a proxy, a gateway, your own server)", kinds=(str,)
    ),
    # Efforts may be written as numbers, which lm-eval reads as such.
    Option("reasoning", None, "effort of hidden reasoning, in the provider's own words", kinds=(str,), reader=str),
    Option("reasoning_tokens", 0, "output tokens allowed for hidden reasoning beside the answer", minimum=0),
    Option("stream", "auto", "auto: long prompts are answered piece by piece", choices=("true", "false", "auto")),
    Option("timeout", _TIMES.total, "seconds for one attempt", above=0),
    Option("idle_timeout", _TIMES.idle, "seconds without any progress", above=0),
    Option("connect_timeout", _TIMES.connect, "seconds for a connection", above=0),
    Option("ca_file", "", "certificates to trust beside the system's"),
    Option("extra_headers", {}, 'more headers, as JSON; "$NAME" is read from the environment'),
    Option("extra_body", {}, "more fields of the request, as JSON; laid over ours"),
    Option("context_window", None, "tokens, where nobody else knows", kinds=(int,), minimum=1),
    Option("max_output", None, "tokens, where nobody else knows", kinds=(int,), minimum=1),
    Option("modalities", None, "what the model takes, such as text+image", choices=MODALITIES, kinds=(list,)),
    Option("max_images", None, "pictures (and frames) in one prompt", kinds=(int,), minimum=1),
    Option("max_sound", None, "seconds of sound in one prompt", kinds=(float,), above=0),
    Option(
        "accepts",
        None,
        "settings that the model takes beyond what is known, joined by +",
        choices=SWITCHES,
        kinds=(list,),
    ),
    Option("refuses", None, "settings that it does not take after all", choices=SWITCHES, kinds=(list,)),
)
_AFTER_VIDEO = (
    Option(
        "frame_size",
        FramePolicy.longest_side,
        "longest side of a frame in pixels, where film is sent as frames",
        minimum=16,
    ),
    Option("probe", default=True, help="false to ask the server nothing about the model at the start"),
)


def hosted_options(*own: Option, video: tuple[str, ...] = ("native", "frames")) -> tuple[Option, ...]:
    """Return the arguments of a hosted provider.

    Args:
        own: What it takes beside the arguments that all of them take.
        video: The ways in which it can be sent film.
    """
    film = Option("video", None, "how film is sent (else: as film, where the model takes it)", video, kinds=(str,))
    return (*_BEFORE_VIDEO, film, *_AFTER_VIDEO, *own)
