"""A language model of bytes that needs nothing: for tests of likelihoods, in process and behind a wire.

Each token is at most four letters of a word, with the blank before it; its
probability depends on how often it has been seen before, so that loss falls
with what was read.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lm_eval.api.model import LM

TOKEN = re.compile(r" ?\S{1,4}|\s")


def tokens_of(text):
    """Cut a text."""
    return TOKEN.findall(text)


def log_probabilities(tokens):
    """Return the log-probability of each token given those before it; the first has none."""
    seen, logs = Counter(), []
    for number, token in enumerate(tokens):
        logs.append(math.log((seen[token] + 0.1) / (number + 1000)) if number else None)
        seen[token] += 1
    return logs


class ByteModel(LM):
    """The model as one of lm-eval's."""

    max_length = 10**9

    def __init__(self, window=10**9):
        super().__init__()
        self.max_length, self.asked = window, []

    def tok_encode(self, text, **_):
        return list(range(len(tokens_of(text))))

    def loglikelihood(self, requests, **_):
        found = []
        for request in requests:
            context, continuation = request.args
            self.asked.append(len(context))
            tokens = tokens_of(context + continuation)
            logs, place, total = log_probabilities(tokens), 0, 0.0
            for token, log in zip(tokens, logs, strict=True):
                total += log if place >= len(context) and log is not None else 0.0
                place += len(token)
            found.append((total, False))
        return found

    def loglikelihood_rolling(self, requests, **_):
        return [math.fsum(log or 0.0 for log in log_probabilities(tokens_of(r.args[0]))) for r in requests]

    def generate_until(self, requests, **_):
        raise NotImplementedError


class EchoServer(ThreadingHTTPServer):
    """The model behind ``/v1/completions``, as vLLM answers there.

    Attributes:
        window: Tokens; what is longer is refused, or read to there only where ``cuts`` is set.
    """

    def __init__(self, window=10**9, *, cuts=False):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.window, self.cuts, self.bodies = window, cuts, []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()  # else half a second to stop
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        """The interface's address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        tree = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(tree)
        if self.path != "/v1/completions":
            return self._say(404, {"error": {"message": "Not Found"}})
        tokens = tokens_of(tree["prompt"])
        if len(tokens) + 1 > self.server.window and not self.server.cuts:
            words = f"This model's maximum context length is {self.server.window} tokens. However, you requested more."
            return self._say(400, {"error": {"message": words, "type": "BadRequestError", "code": 400}})
        tokens = [*tokens[: self.server.window - 1], "x"]
        offsets, place = [], 0
        for token in tokens:
            offsets.append(place)
            place += len(token)
        choice = {"index": 0, "text": "".join(tokens), "finish_reason": "length"}
        choice["logprobs"] = {"tokens": tokens, "text_offset": offsets, "token_logprobs": log_probabilities(tokens)}
        usage = {"prompt_tokens": len(tokens) - 1, "completion_tokens": 1, "total_tokens": len(tokens)}
        return self._say(
            200,
            {"id": "cmpl-1", "object": "text_completion", "model": tree["model"], "choices": [choice], "usage": usage},
        )

    def do_GET(self):
        self._say(404, {"error": {"message": "Not Found"}})

    def _say(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""
