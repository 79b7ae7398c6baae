"""Mailer that takes every mail and sends none: for `simulate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nurture.domain.message import Message
from nurture.domain.touch import TouchId
from nurture.domain.verdict import Verdict, Yes


class Nowhere:
    """Says yes to everything, at once."""

    name: str = "nowhere"

    def send(self, messages: Sequence[Message], *, deadline: float) -> Iterator[tuple[TouchId, Verdict]]:
        """Yes to every message."""
        for message in messages:
            yield message.touch, Yes("")

    def finish(self) -> None:
        """Nothing takes long here."""

    def close(self) -> None:
        """Nothing is held."""
