"""What servers of one's own say about their window and their tokens, each in its own words."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lm_eval_longctx.prompt import Prompt, TextPart
from lm_eval_longctx.providers.openai_compatible import OpenAICompatibleProvider

LISTED = {"data": [{"id": "tiny"}, {"id": "other", "max_model_len": 7}]}
SHOWN = {
    "parameters": 'stop "<s>"\nnum_ctx                        6144\n',
    "model_info": {"llama.context_length": 131072},
}

SERVERS = {
    "vLLM": ({"/v1/models": {"data": [{"id": "tiny", "max_model_len": 4096}]}}, 4096),
    "OpenRouter's list": ({"/v1/models": {"data": [{"id": "a"}, {"id": "tiny", "context_length": 200_000}]}}, 200_000),
    "llama.cpp's list": (
        {"/v1/models": {"data": [{"id": "/x.gguf", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]}},
        2048,
    ),
    "llama.cpp's props": ({"/v1/models": LISTED, "/props": {"default_generation_settings": {"n_ctx": 3072}}}, 3072),
    "Ollama, loaded": ({"/v1/models": LISTED, "/api/ps": {"models": [{"name": "tiny", "context_length": 4096}]}}, 4096),
    "Ollama, set up": ({"/v1/models": LISTED, "/api/ps": {"models": []}, "/api/show": SHOWN}, 6144),
    "Ollama, not set up": ({"/v1/models": LISTED, "/api/show": {"parameters": "", "model_info": {}}}, None),
    "LM Studio": (
        {"/v1/models": LISTED, "/api/v0/models": {"data": [{"id": "tiny", "loaded_context_length": 8192}]}},
        8192,
    ),
    "nobody": ({}, None),
    "odd lists": ({"/v1/models": {"data": 5}, "/api/ps": {"models": 7}, "/api/v0/models": {"data": {"tiny": 1}}}, None),
    "nonsense": (
        {"/v1/models": {"data": [{"id": "tiny", "max_model_len": "many"}]}, "/props": [1], "/api/show": 3},
        None,
    ),
}


@contextmanager
def serving(answers):
    """Serve JSON by path, a function of the request's JSON or a value; everything else is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
            found = answers.get(self.path)
            data = json.dumps(found(body) if callable(found) else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *args):
            del args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # else half a second to stop
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def started(answers, ask=None):
    """Start a provider against such a server; return its capabilities, and what else is asked of it."""

    async def go(url):
        provider = OpenAICompatibleProvider("tiny", base_url=url)
        await provider.start()
        try:
            return provider.capabilities, await ask(provider) if ask else None
        finally:
            await provider.close()

    with serving(answers) as url:
        return asyncio.run(go(url))


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_servers_own_window_is_found(name):
    """The window that a server was given is read where this kind of server tells it, and never guessed."""
    answers, window = SERVERS[name]
    assert started(answers)[0].context_window == window


LLAMA = {
    "/tokenize": lambda asked: {"tokens": list(range(len(asked.get("content", "").split())))},
    "/apply-template": lambda asked: {
        "prompt": " ".join(["<start>", *(m["content"] for m in asked["messages"]), "<end>"])
    },
}
VLLM = {"/tokenize": lambda asked: {"count": 2 + len(asked["messages"][0]["content"].split())}}


@pytest.mark.parametrize("answers", [LLAMA, VLLM], ids=["llama.cpp", "vLLM"])
def test_a_servers_own_tokenizer_counts(answers):
    """Prompts are counted with the chat template applied, in one step or in two."""
    takes, count = started(answers, lambda p: p.count(Prompt.user(TextPart("one two three"))))
    assert (takes.counts_tokens, count) == (True, 5)


@pytest.mark.parametrize(
    "answers", [{}, {"/tokenize": {"tokens": []}}, {"/tokenize": {"count": "many"}}, {"/tokenize": 5}]
)
def test_a_server_that_counts_otherwise_does_not_count(answers):
    """What answers at the same path in another way is no tokenizer."""
    assert not started(answers)[0].counts_tokens
