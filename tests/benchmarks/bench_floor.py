"""The least that small calls with a durable record cost: a client that posts, writes to SQLite, and nothing else.

::

    python tests/benchmarks/bench_floor.py URL [--calls 3000] [--without-record] [--raw]

It is our wire (aiohttp) and our guarantee (a row on the disk before a question
goes out, and the answer on it before anybody reads it, many in one
transaction), without prompts, limits, retries, prices, secrets or outcomes.
``--raw`` leaves out aiohttp too: a socket that understands nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from bench_backend import cpu

AT_ONCE = 64
_ASKED = "INSERT INTO attempt(key, request, sent) VALUES(?, ?, ?)"
_CAME = "UPDATE attempt SET received=?, body=? WHERE id=?"
_READ = "UPDATE attempt SET answer=? WHERE id=?"


class Record:
    """A durable file and the thread that writes it, whatever waits in one transaction."""

    def __init__(self, file: Path) -> None:
        """Open it."""
        self._loop = asyncio.get_running_loop()
        self._file, self._waiting = file, queue.SimpleQueue[Any]()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, statement: str, *values: Any) -> asyncio.Future[int]:
        """Have a statement executed; the future has the row's number once it is on the disk."""
        done = self._loop.create_future()
        self._waiting.put((statement, values, done))
        return done

    def _write(self) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            connection.execute(statement)
        connection.execute("CREATE TABLE attempt(id INTEGER PRIMARY KEY, key, request, sent, received, body, answer)")
        while True:
            work = [self._waiting.get()]
            while not self._waiting.empty():
                work.append(self._waiting.get())
            connection.execute("BEGIN IMMEDIATE")
            numbers = [connection.execute(statement, values).lastrowid for statement, values, _ in work]
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._tell, [done for *_, done in work], numbers)

    @staticmethod
    def _tell(waiting: list[asyncio.Future[Any]], numbers: list[int | None]) -> None:
        for done, number in zip(waiting, numbers, strict=True):
            done.set_result(number)


class Socket(asyncio.Protocol):
    """One connection that takes the bytes after an empty line for an answer."""

    def __init__(self) -> None:
        """Wait for a connection."""
        self.got, self.waiting = b"", asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Keep what writes."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes until the length that was announced is there."""
        self.got += data
        head, found, rest = self.got.partition(b"\r\n\r\n")
        if found and len(rest) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            self.got = b""
            self.waiting.set_result(rest)

    async def post(self, path: str, body: bytes) -> bytes:
        """Send and wait."""
        self.waiting = asyncio.get_running_loop().create_future()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        answer: bytes = await self.waiting
        return answer


async def ask(url: str, calls: int, *, record: bool, raw: bool) -> None:
    """Ask everything."""
    numbers, parts = iter(range(calls)), urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        kept = Record(Path(folder) / "record") if record else None
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def post(body: bytes, socket: Socket | None) -> bytes:
                if socket is not None:
                    return await socket.post(parts.path, body)
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
                    return await response.read()

            async def worker() -> None:
                loop = asyncio.get_running_loop()
                socket = (await loop.create_connection(Socket, parts.hostname, parts.port))[1] if raw else None
                for number in numbers:
                    message = {"role": "user", "content": f"{number} {'x' * 400}"}
                    body = orjson.dumps({"model": "tiny", "messages": [message], "max_tokens": 16})
                    row = await kept.put(_ASKED, str(number), body, time.time()) if kept else 0
                    answer = await post(body, socket)
                    if kept:
                        await kept.put(_CAME, time.time(), answer, row)
                    text = orjson.loads(answer)["choices"][0]["message"]["content"]
                    if kept:
                        kept.put(_READ, text, row)

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def main() -> None:
    """Print processor time and rate as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--without-record", action="store_true")
    parser.add_argument("--raw", action="store_true")
    args = parser.parse_args()
    used, began = cpu(), time.perf_counter()
    asyncio.run(ask(args.url, args.calls, record=not args.without_record, raw=args.raw))
    seconds = time.perf_counter() - began
    print(json.dumps({"cpu": cpu() - used, "seconds": seconds, "count": args.calls}))


if __name__ == "__main__":
    main()
