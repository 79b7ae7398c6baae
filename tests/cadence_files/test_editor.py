"""An editor's language server, given our schemas: it accepts what we accept, and marks what is wrong.

The server is the npm package that editors use. It is installed once, into a cache folder, at a fixed version; where
Node is missing or the registry cannot be reached, these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.adapters.cadence_files.json_schema import KINDS, schema

ROOT = Path(__file__).parents[2]
VERSION = "1.25.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nurture-tests" / f"yaml-server-{VERSION}"
STARTER = [
    *sorted(path for path in (ROOT / "cadences").glob("*.yaml") if not path.name.endswith(".test.yaml")),
    *sorted((ROOT / "nurture" / "starter").glob("*.yaml")),
]
WRONG = {
    "a misspelled key": ("cadence", "name: a\ndescripton: b\nsteps:\n  - email: one\n"),
    "a wait without a unit": ("cadence", "name: a\nsteps:\n  - wait: 3\n"),
    "an unknown step": ("cadence", "name: a\nsteps:\n  - emial: one\n"),
    "no steps": ("cadence", "name: a\n"),
    "a wait_for without a timeout": ("cadence", "name: a\nsteps:\n  - wait_for: replied()\n"),
    "points that are a word": ("scoring", "fit:\n  - {points: many, when: fit > 3, because: x}\n"),
    "an unknown role": ("people", "- {name: A, email: a@b.example, roles: [boss]}\n"),
    "a cost without a currency": ("sources", "- {name: a, kind: show, cost: 42000}\n"),
}


class Server:
    """The language server on a pipe, asked about one text at a time."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._number = 0
        self._send(
            id=1, method="initialize", params={"processId": None, "rootUri": folder.as_uri(), "capabilities": {}}
        )
        while self._receive().get("id") != 1:
            pass
        self._send(method="initialized", params={})
        settings = {"yaml": {"validate": True, "schemaStore": {"enable": False}, "yamlVersion": "1.2"}}
        self._send(method="workspace/didChangeConfiguration", params={"settings": settings})

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        """The next message. What the server asks us is answered with nothing, except for its settings."""
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if "id" in message and "method" in message:
            self._send(id=message["id"], result=None)
        return message

    def problems(self, kind: str, text: str) -> list[str]:
        """What an editor would underline in this text."""
        self._number += 1
        uri = (self._folder / f"{self._number}.yaml").as_uri()
        line = f"# yaml-language-server: $schema={(self._folder / f'{kind}.json').as_uri()}\n"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": line + text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        while True:
            message = self._receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return [one["message"] for one in message["params"]["diagnostics"]]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def _installed() -> Path:
    """The server's program. Skips where it cannot be had."""
    program = CACHE / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not shutil.which("node"):
        pytest.skip("Node is missing.")
    if not program.exists():
        if not shutil.which("npm"):
            pytest.skip("npm is missing.")
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        # Made aside and moved, so that two processes of the tests do not meet in one folder.
        fresh = Path(tempfile.mkdtemp(dir=CACHE.parent))
        command = ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1", f"yaml-language-server@{VERSION}"]
        try:
            subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=90, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
            shutil.rmtree(fresh)
            pytest.skip(f"yaml-language-server could not be installed: {problem}")
        try:
            fresh.rename(CACHE)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    return program


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running language server that finds our schemas."""
    program = _installed()
    folder = tmp_path_factory.mktemp("editor")
    for kind in KINDS:
        (folder / f"{kind}.json").write_text(json.dumps(schema(kind)), encoding="utf-8")
    server = Server(["node", str(program), "--stdio"], folder)
    yield server
    server.close()


@pytest.mark.parametrize("file", STARTER, ids=lambda file: str(file.name))
def test_an_editor_accepts_every_starter_file(editor: Server, file: Path) -> None:
    kind = "cadence" if file.parent.name == "cadences" else file.stem
    text = "".join(f"{line}\n" for line in file.read_text(encoding="utf-8").splitlines() if "$schema" not in line)
    assert editor.problems(kind, text) == []


@pytest.mark.parametrize("what", WRONG)
def test_an_editor_marks_what_is_wrong(editor: Server, what: str) -> None:
    assert editor.problems(*WRONG[what])
