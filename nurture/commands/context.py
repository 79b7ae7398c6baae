"""What every command shares: the workspace, who acts, and the options that each of them has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.domain.errors import RequestError, UnknownNameError

if TYPE_CHECKING:
    from nurture.domain.lead import Lead
    from nurture.wiring import App

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen, change nothing.")]
LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="E-mail address or lead id.")]


@dataclass
class Session:
    """One call of the command line."""

    workspace: Path
    person: str
    runs_passes: bool = False  # the command runs passes itself, and leaves nothing behind
    _app: App | None = field(default=None, repr=False)

    @property
    def app(self) -> App:
        """The workspace, opened when a command first needs it."""
        if self._app is None:
            from nurture.wiring import open_app

            self._app = open_app(self.workspace)
        return self._app

    def now(self) -> datetime:
        """The present moment."""
        return self.app.clock.now()

    def common(self) -> dict[str, Any]:
        """What every arrow is given: store, rules, policy, now."""
        app = self.app
        return {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": self.now()}

    def lead(self, text: str) -> Lead:
        """The lead of this address or id. Raises UnknownNameError."""
        with self.app.store.unit(write=False) as work:
            found = work.leads.find(text)
        if found is None:
            raise UnknownNameError("lead", text, (), otherwise="Run: nurture lead list")
        return found

    def zone_of(self, lead: Lead) -> str:
        """The time zone of a lead, else of its company, else of the workspace."""
        return lead.timezone or (lead.company.timezone if lead.company else None) or self.app.policy.timezone

    def follow_up(self) -> None:
        """Let what follows from a change happen now: enrollments, promotions. Contact waits for the next pass."""
        app = self._app
        if app is None or not app.wrote or self.runs_passes:
            return
        from nurture.commands import progress
        from nurture.daemon import consequences
        from nurture.doors import tell_daemons

        with progress.slow("Now what follows from it, for all of them: who enters a cadence, who is ready for sales."):
            consequences.run(app)
        tell_daemons(app)
        app.wrote = False

    def close(self) -> None:
        """Let what follows happen, and give up what was opened.

        When a command returns, its consequences in the database are committed.
        """
        try:
            self.follow_up()
        finally:
            if self._app is not None:
                self._app.close()


def session(ctx: typer.Context) -> Session:
    """The session of this call."""
    found = ctx.find_root().obj
    assert isinstance(found, Session)
    return found


def default_person() -> str:
    """Who acts, when nobody says: the user of the machine."""
    return os.environ.get("NURTURE_USER") or getuser()


def moment(text: str | None, *, zone: str, what: str) -> datetime | None:
    """A date or moment in ISO 8601; one without a zone of its own is local to `zone`. Raises RequestError."""
    if text is None:
        return None
    from nurture.domain import calendar
    from nurture.domain.reach import HINT, is_within_reach

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(f"{what}: {text!r} is not a date.", hint="Write 2027-01-15 or 2027-01-15T10:00.") from None
    if not is_within_reach(found):
        raise RequestError(f"{what}: the year {found.year} is out of reach.", hint=HINT)
    if found.tzinfo is None:
        return calendar.at_local(found.date(), found.time(), calendar.zone(zone))
    return found.astimezone(UTC)


def day_or_moment(text: str | None, *, zone: str, what: str) -> date | datetime | None:
    """The same, but a day where only a day is given."""
    found = moment(text, zone=zone, what=what)
    return date.fromisoformat(text) if found is not None and text is not None and len(text) == 10 else found
