"""A stand-in for SendGrid's v3/mail/send over HTTPS, in a process of its own: reads a request whole, answers 202 later.

It answers as late as it is told to, however many requests are with it at once, and counts what it took by touch. Its
certificate is its own; `trusted` is a file with it and the machine's, for SSL_CERT_FILE.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.provider import Requests
from tests.mail.servers import Certificate

LATENCY: Final = 0.05  # seconds
_TOUCH: Final = b'"nurture_touch":'


class _Later(Requests):
    """A connection on which each request is counted by its touch, and answered later."""

    def __init__(self, latency: float, taken: Counter[bytes]) -> None:
        super().__init__()
        self._latency, self._taken = latency, taken

    def take(self, body: bytes) -> None:
        touch = body.find(_TOUCH)
        if touch >= 0:
            self._taken[body[touch + len(_TOUCH) :].split(b'"', 2)[1]] += 1
        asyncio.get_running_loop().call_later(self._latency, self.answer)


async def _serve(certificate: Certificate, latency: float) -> None:
    """Say the port, then for each line on stdin what was taken so far."""
    taken: Counter[bytes] = Counter()
    loop = asyncio.get_running_loop()
    context = certificate.for_server()
    server = await loop.create_server(lambda: _Later(latency, taken), "127.0.0.1", 0, ssl=context, backlog=1024)

    def say() -> None:
        if not sys.stdin.readline():
            sys.exit(0)
        print(json.dumps({touch.decode(): times for touch, times in taken.items()}), flush=True)

    loop.add_reader(sys.stdin.fileno(), say)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class HttpsProvider:
    """A running provider."""

    url: str
    trusted: Path
    _process: subprocess.Popen[str]

    def taken(self) -> Counter[str]:
        """How often it took each touch."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return Counter(json.loads(self._process.stdout.readline()))


@contextmanager
def https_provider(folder: Path, *, latency: float = LATENCY) -> Iterator[HttpsProvider]:
    """A provider that runs as long as the block; `latency` in seconds for each answer."""
    certificate = Certificate.make(folder)
    trusted = folder / "trusted.pem"
    usual = ssl.get_default_verify_paths().cafile  # as many as a client reads that knows no better
    trusted.write_bytes((Path(usual).read_bytes() if usual else b"") + certificate.certificate.read_bytes())
    command = [sys.executable, "-m", __name__, str(certificate.certificate), str(certificate.key), str(latency)]
    top = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(command, cwd=top, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield HttpsProvider(f"https://127.0.0.1:{int(process.stdout.readline())}", trusted, process)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    _, _certificate, _key, _latency = sys.argv
    asyncio.run(_serve(Certificate(Path(_certificate), Path(_key)), float(_latency)))
