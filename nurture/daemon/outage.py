"""Passes fail, mostly because the database is away: somebody is told, without the database."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nurture import log
from nurture.domain.errors import NurtureError, RefusedError
from nurture.domain.verdict import Yes
from nurture.ports.world import Delivery
from nurture.wiring import App

PATIENCE: Final = timedelta(minutes=1)  # a restart of a database is shorter, and nobody need hear of it
_log = log.get("outage")


@dataclass(slots=True)
class Outage:
    """One daemon's passes: whether it was told that none goes through."""

    app: App
    is_told: bool = False

    def failed(self, problem: Exception) -> None:
        """A pass did not go through. When none has for too long, an alert says so, once."""
        if isinstance(problem, RefusedError):
            return  # of a clock that jumped and a database that went back the pass tells itself
        now = self.app.clock.boottime()
        since = self.app.failing_since = now if self.app.failing_since is None else self.app.failing_since
        if self.is_told or now - since < PATIENCE.total_seconds():
            return
        words = f"For {now - since:.0f} s no pass went through on {socket.gethostname()}"
        if isinstance(problem, NurtureError):
            subject, text = "Nothing is sent", f"{words}, so nothing is sent.\n\n{problem.what} {problem.hint}"
        else:
            subject = "Passes fail"
            text = f"{words}: each ends with {type(problem).__name__}, a mistake in the program. The log says where."
        self.is_told = self._tell(subject, text)

    def worked(self) -> None:
        """A pass went through."""
        if self.is_told:
            self._tell("It goes on", f"Passes go through again on {socket.gethostname()}.")
        self.app.failing_since, self.is_told = None, False

    def _tell(self, subject: str, text: str) -> bool:
        """Whether it was handed over. Its number is one that no delivery has, of the database or of another daemon."""
        now = self.app.clock.now()
        payload = {"subject": subject, "text": text}
        number = -int(self.app.clock.new_id(), 36)
        alert = Delivery(
            id=number, key=f"outage:{number}", kind="alert", to="", payload=payload, made_at=now, at=now, attempt=1
        )
        verdict = self.app.courier.deliver(alert)
        _log.warning("alert", subject=subject, told=isinstance(verdict, Yes), because=getattr(verdict, "because", ""))
        return isinstance(verdict, Yes)
