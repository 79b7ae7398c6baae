"""plan, apply: what would change, before it does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands.context import AsJson, DryRun, Session, session
from nurture.commands.output import say, show, show_json

if TYPE_CHECKING:
    from nurture.flow.plan import Difference, Moved, Plan

NAMED = 5  # leads named for one failing template; --json names them all


def mount(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command()(apply)


def _planned(current: Session) -> Plan:
    from nurture.flow import plan as arrow

    app = current.app
    sources, problems = app.read_files()
    return arrow.plan(sources, files=app.files, unread=problems, **current.common())


def _rows(made: Plan) -> dict[str, Any]:
    changes = [
        {
            "cadence": one.cadence or None,
            "from_version": one.from_version,
            "to_version": one.to_version,
            "change": one.change,
            "step": one.step or None,
            "leads": one.leads,
            "old_due": one.old_due,
            "new_due": one.new_due,
            "text": one.text or None,
        }
        for one in made.differences
    ]
    failures = [
        {"template": one.template, "lead": str(one.lead), "email": one.email, "message": one.message}
        for one in made.rendered.failures
    ]
    enrollments = [
        {"cadence": one.cadence, "leads": one.leads, "last_entry": one.last_entry, "today": one.today}
        for one in made.upcoming
    ]
    return {"changes": changes, "failures": failures, "enrollments": enrollments}


SIGNS = {"added": "+", "removed": "-"}
WORDS = {"retimed": "re-timed", "text": "changed"}


def _lines(made: Plan, zone: str) -> list[str]:
    """The plan like a diff, in plain words."""
    lines: list[str] = []
    last = ""
    for one in made.differences:
        if one.cadence and one.cadence != last and one.cadence in made.versions and one.from_version is not None:
            lines.append(_head(one, made))
        last = one.cadence
        lines.append(_sentence(one, zone))
    return lines


def _head(one: Difference, made: Plan) -> str:
    leads = made.in_flight.get(one.cadence, 0)
    stay = f"; {_leads(leads)} in flight stay on version {one.from_version}, or move with --migrate" if leads else ""
    return f"{one.cadence}: version {one.from_version} -> {one.to_version}{stay}"


def _sentence(one: Difference, zone: str) -> str:
    if one.change == "stage":
        was, _, becomes = one.text.partition(" -> ")
        return f"~ {_leads(one.leads)} would move from {was} to {becomes}"
    sign = SIGNS.get(one.change, "~")
    words = WORDS.get(one.change, one.change)
    if not one.cadence:
        return f"{sign} {one.text}: {words}"
    step = f", step {one.step}" if one.step else ""
    version = f" (version {one.to_version})" if not one.step and one.change == "added" and one.to_version else ""
    text = f": {one.text}" if one.text else ""
    ahead = f"; {_leads(one.leads)} ahead of it" if one.leads and one.step else ""
    return f"{sign} {one.cadence}{version}{step} {words}{text}{ahead}{_dates(one, zone)}"


def _dates(one: Difference, zone: str) -> str:
    """When the first of the leads is due, by the old and the new version."""
    if one.old_due is None and one.new_due is None:
        return ""
    old, new = _local(one.old_due, zone), _local(one.new_due, zone)
    return f"; the first is due {old}" + (f", with --migrate {new}" if new != old else "")


def _local(moment: datetime | None, zone: str) -> str:
    from nurture.domain import calendar

    return f"{moment.astimezone(calendar.zone(zone)):%Y-%m-%d %H:%M}" if moment is not None else "(nobody)"


def _leads(number: int) -> str:
    return f"{number:,} lead{'s' * (number != 1)}"


def _failing(made: Plan) -> list[str]:
    """The e-mails and scripts that would fail, and for whom."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in made.rendered.failures:
        groups.setdefault((one.template, one.message), []).append(one.email or f"lead {one.lead}")
    lines = []
    for (template, message), names in groups.items():
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        lines.append(f"! {template} fails for {_leads(len(names))}: {message} ({', '.join(names[:NAMED])}{more})")
    return lines


def _coming(made: Plan, zone: str) -> list[str]:
    if not made.upcoming:
        return []
    return ["Upcoming enrollments:"] + [
        f"  {one.cadence}: {_leads(one.leads)}"
        + (f", {one.today:,} of them today, the last on {_local(one.last_entry, zone)[:10]}" * (one.today != one.leads))
        for one in made.upcoming
    ]


def plan(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show, like a diff, what apply would do."""
    current = session(ctx)
    made = _planned(current)
    if as_json:
        show_json(_rows(made))
        return
    zone = current.app.policy.timezone
    for line in [*_lines(made, zone), *_failing(made)] or ["No changes."]:
        show(line)
    for line in _coming(made, zone):
        show(line)
    if not made.is_empty:
        say("Run: nurture apply")


def apply(
    ctx: typer.Context,
    *,
    migrate: Annotated[bool, typer.Option("--migrate", help="Move leads in flight to the new version.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put the files of the workspace in force."""
    from nurture.flow import enroll, rescoring
    from nurture.flow import plan as arrow

    current = session(ctx)
    made = _planned(current)
    app = current.app
    moved: list[Moved] = []
    if migrate or not made.is_empty:
        moved = arrow.apply(
            made,
            store=app.store,
            policy=app.policy,
            now=current.now(),
            by=current.person,
            migrate=migrate,
            before=app.rules.in_force().workspace,
            dry_run=dry_run,
        )
    if not made.is_empty and not dry_run:
        common = current.common()
        rescoring.run(store=app.store, rules=common["rules"], now=common["now"])
        enroll.reconsider(store=app.store)
    if as_json:
        show_json(_rows(made) | {"moved": moved})
        return
    for line in [*_lines(made, app.policy.timezone), *_failing(made)]:
        show(line)
    for one in moved:
        show(f"{_leads(one.leads)} {'would move' if dry_run else 'moved'} to version {one.version} of {one.cadence}.")
    if made.is_empty and not moved:
        show("No changes: everything is in force already.")
    elif dry_run:
        show("Nothing was changed (dry run).")
    elif not made.is_empty:
        show(f"In force: {len(made.files)} files.")
