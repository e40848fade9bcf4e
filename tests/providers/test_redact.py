"""No secret survives in what a server sends back, in whatever form it comes."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_longctx.completion import Completion
from lm_eval_longctx.providers.base import Raw
from lm_eval_longctx.providers.redact import MARK, clean_completion, redact, redact_bytes, secrets, without_secrets

KEYS = ("sk-planted/77+aa==secret", 'quo"te\\back&<amp>slash', "plainplain1234", "schlüssel-mit-ümlaut")
FORMS = {
    "as it is": lambda key: key,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON in UTF-8": lambda key: json.dumps(key, ensure_ascii=False)[1:-1],
    "JSON with slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON as Go writes it": lambda key: json.dumps(key)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c"),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key))[1:-1],
    "percent": lambda key: quote(key, safe=""),
    "percent in lower case": lambda key: quote(key, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    "percent, some": lambda key: quote(key, safe="/"),
    "percent twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent in JSON": lambda key: json.dumps(quote(key, safe="")),
    "HTML": html.escape,
    "HTML by number": lambda key: "".join(f"&#{ord(c)};" if not c.isalnum() else c for c in key),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "basic authorisation": lambda key: "Basic " + base64.b64encode(f":{key}".encode()).decode(),
    "basic authorisation of a user": lambda key: base64.b64encode(f"me:{key}".encode()).decode(),
    "basic authorisation, key first": lambda key: base64.b64encode(f"{key}:".encode()).decode(),
    "bearer in base64": lambda key: base64.b64encode(f"Bearer {key}!".encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_form(form, key):
    """Neither the form itself nor any long piece of it is left, and what stands around it stays."""
    shown = FORMS[form](key)
    clean = redact_bytes(f'{{"error": "bad key <{shown}> given"}}'.encode(), (key,)).decode()
    assert MARK in clean
    assert clean.startswith('{"error": "bad key <')
    assert clean.endswith('> given"}')
    longest = clean.removeprefix('{"error": "bad key <').removesuffix('> given"}').split(MARK)
    assert all(len(piece) <= 10 for piece in longest), longest


@given(st.text(alphabet="abAB09-_/+=.&%\\\"' ", max_size=60))
def test_what_holds_no_key_stays_as_it_is(text):
    """A text without a secret is returned as the same object."""
    assert redact(text, KEYS) is text
    body = text.encode()
    assert redact_bytes(body, KEYS) is body


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), min_size=12, max_size=30))
def test_any_key_is_found(key):
    """Keys of any characters that a header can carry are found plain, in JSON, in URLs and in base64."""
    for form in ("as it is", "JSON", "percent", "base64", "basic authorisation of a user"):
        assert MARK in redact(f"x {FORMS[form](key)} y", (key,))


def test_every_part_of_a_response_is_searched():
    """Headers, body and the words of a broken wire lose their secrets."""
    key = KEYS[0]
    raw = Raw(400, {"x-echo": quote(key, safe="")}, json.dumps({"a": key}).encode(), 0.1, f"tried {key}")
    clean = without_secrets(raw, (key,))
    assert (clean.headers, clean.body, clean.error) == ({"x-echo": MARK}, b'{"a": "[redacted]"}', f"tried {MARK}")
    assert without_secrets(raw, ()) is raw


def test_halves_of_surrogate_pairs_are_no_obstacle():
    """A text that UTF-8 cannot hold is searched as any other."""
    assert redact(f"\ud800 {KEYS[0]}", KEYS) == f"\ud800 {MARK}"


def test_what_a_stream_put_together_is_searched():
    """A completion's text, detail and notes lose secrets that no piece of the stream held whole."""
    found = clean_completion(Completion(f"it is {KEYS[2]}", detail=KEYS[2], notes=("a", KEYS[2])), KEYS)
    assert (str(found), found.detail, found.notes) == (f"it is {MARK}", MARK, ("a", MARK))
    same = Completion("nothing here")
    assert clean_completion(same, KEYS) is same


def test_secrets_are_variables_by_their_names(monkeypatch):
    """The environment's keys and tokens are hidden, also those that an argument names; short ones are words."""
    for name, value in {"A_API_KEY": "planted-one-long", "B_TOKEN": "short", "MINE": " planted-two-long "}.items():
        monkeypatch.setenv(name, value)
    assert "planted-one-long" in secrets()
    assert not {"short", "planted-two-long"} & set(secrets())
    assert secrets(("MINE", "ABSENT")) == ("planted-two-long",)
