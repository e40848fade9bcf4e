"""The guard that keeps tests on this machine."""

from __future__ import annotations

import copy
import socket
import urllib.request
from types import SimpleNamespace

import kept_index
import pytest
from lm_eval.tasks import _index


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_nothing_beyond_this_machine_can_be_reached(host):
    """A connection or a name look-up beyond loopback raises at once."""
    with pytest.raises(RuntimeError, match="only loopback"):
        socket.create_connection((host, 80), timeout=1)


def test_a_socket_that_is_given_an_address_is_guarded_too():
    """A connection that needs no name look-up raises as well."""
    with socket.socket() as sock, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        sock.connect(("192.0.2.1", 80))


def test_url_libraries_are_guarded():
    """What is built on sockets raises too."""
    with pytest.raises(RuntimeError, match="only loopback"):
        urllib.request.urlopen("http://192.0.2.1/", timeout=1)


def test_loopback_works():
    """A server of a test's own can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass


def test_the_kept_index_is_what_lm_eval_reads(tmp_path, monkeypatch, caplog):
    """Tasks of lm-eval's and of a user's folder are found as ever, by objects of one's own; lm-eval's are read once."""
    own, users = tmp_path / "own", tmp_path / "users"
    for folder, tasks in ((own, ("one", "two")), (users, ("two", "three"))):
        folder.mkdir()
        for task in tasks:
            (folder / f"{task}.yaml").write_text(f"task: {task}\ntag: [{folder.name}]\ndoc_to_text: !function a.b")
    monkeypatch.setenv(kept_index.PLACE, str(tmp_path / "index"))
    module = SimpleNamespace(TaskIndex=_index.TaskIndex, Entry=_index.Entry, __file__=str(own / "_index.py"))
    plain, shared = _index.TaskIndex.build, kept_index.sharing(module)

    def told(index):
        return {name: (one.name, one.kind, one.yaml_path, one.cfg, one.tags) for name, one in index.items()}

    for paths in ([own, users], [users], [own], []):
        caplog.clear()
        expected, said = told(plain(paths)), caplog.messages
        for _ in range(2):
            caplog.clear()
            found = shared(paths)
            copied = copy.deepcopy(found)  # before anybody has asked for settings
            assert (told(found), caplog.messages) == (expected, said)
            assert told(copied) == told(copy.deepcopy(found)) == expected
    first, second = shared([own]), shared([own])
    first["one"].cfg.clear()
    assert second["one"].cfg
    (own / "one.yaml").unlink()
    assert set(shared([own])) == {"one", "two", "own"}
    monkeypatch.delenv(kept_index.PLACE)
    assert set(shared([own])) == {"two", "own"}
