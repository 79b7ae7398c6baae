"""Mailer that writes files: dry runs, previews, tests. One .eml file for each touch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nurture.adapters.mail.flight import TOO_LATE
from nurture.adapters.mail.mime import mime
from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import ChannelDown, Verdict, Yes


class Outbox:
    """Writes mails into a folder. A second attempt of a touch finds its file and makes no second one."""

    name: str = "outbox"

    def __init__(self, folder: Path, *, boottime: Callable[[], float], durable: bool = True) -> None:
        """`durable` waits until each file is on the disk; a throwaway workspace can do without."""
        self._folder = folder
        self._boottime = boottime
        self._durable = durable

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """A verdict for every message. A folder that cannot be written is a problem of the channel, never of a lead."""
        for message in messages:
            yield message.touch, TOO_LATE if self._boottime() >= deadline else self._write(message)

    def finish(self) -> None:
        """Nothing takes long here."""

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, message: Message) -> Verdict:
        final = self._folder / f"{message.touch}.eml"
        unfinished = self._folder / f".{message.touch}.{os.getpid()}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not final.exists():
                with unfinished.open("wb") as file:
                    file.write(mime(message))
                    if self._durable:
                        file.flush()
                        os.fsync(file.fileno())
                unfinished.replace(final)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            return ChannelDown(f"the outbox cannot be written: {error.strerror or error}")
        return Yes(final.name)
