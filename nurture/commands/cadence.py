"""cadence list, show, stats, diagram, pause, resume; template preview, send."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from nurture.commands.choosing import cadence_named
from nurture.commands.context import AsJson, DryRun, session
from nurture.commands.output import say, show, show_beside, show_json, show_rows
from nurture.commands.touch import Reason, switch
from nurture.domain.errors import RequestError, UnknownNameError
from nurture.ports.world import PREVIEW

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a cadence: see cadence list.")]


def mount(app: typer.Typer) -> None:
    """Add the groups."""
    group = typer.Typer(no_args_is_help=True, help="Cadences in force.")
    group.command("list")(list_cadences)
    group.command("show")(show_cadence)
    group.command("stats")(stats)
    group.command("diagram")(diagram)
    group.command("pause")(pause)
    group.command("resume")(resume)
    app.add_typer(group, name="cadence")
    template = typer.Typer(no_args_is_help=True, help="What a lead would get.")
    template.command("preview")(preview)
    template.command("send")(send)
    app.add_typer(template, name="template")


def list_cadences(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the cadences in force, by priority."""
    current = session(ctx)
    rules = current.app.rules.in_force()
    with current.app.store.unit(write=False) as work:
        standing = Counter(one.cadence for one in work.enrollments.select() if one.ended_at is None)
        switches = work.control.switches()
    rows = [
        {
            "name": name,
            "version": rules.versions[name],
            "priority": one.priority,
            "leads": standing[name],
            "paused": f"cadence:{name}" in switches,
            "enroll": one.entry.when.text if one.entry.when is not None else None,
            "description": one.description,
        }
        for name, one in sorted(rules.workspace.cadences.items(), key=lambda pair: (-pair[1].priority, pair[0]))
    ]
    columns = ("name", "version", "priority", "leads", "paused", "description")
    show_rows(rows, columns, as_json=as_json, empty="No cadences are in force. Run: nurture apply")


def show_cadence(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Tell in plain words what a cadence does, to whom, and when."""
    from nurture.domain import storyboard
    from nurture.flow import plan

    current = session(ctx)
    common = current.common()
    rules = common["rules"]
    version = rules.versions[cadence_named(current, name)]
    program = rules.program(name, version)
    one = program.cadence
    coming = next(iter(plan.upcoming(cadence=name, **common)), None) if name in rules.workspace.cadences else None
    lines = storyboard.told(one)
    if as_json:
        with current.app.store.unit(write=False) as work:
            text = work.control.version(name, version) or ""
        show_json(
            {
                "name": name,
                "version": version,
                "description": one.description,
                "owner": one.owner or None,
                "priority": one.priority,
                "exclusive": one.exclusive,
                "holdout": one.holdout,
                "enroll": one.entry.when.text if one.entry.when is not None else None,
                "goal": one.goal.text if one.goal is not None else None,
                "steps": list(program.contacts),
                "words": ["  " * line.depth + line.text for line in lines],
                "would_enroll": coming.leads if coming else 0,
                "would_enroll_today": coming.today if coming else 0,
                "content": text,
            }
        )
        return
    show(f"{name}, version {version}")
    for words in storyboard.introduction(one):
        show_beside("", words)
    today = coming.today if coming else 0
    rest = f", and {coming.leads - today:,} later" if coming and coming.leads > today else ""
    show(f"Would enroll {today:,} lead{'s' * (today != 1)} today{rest}.")
    show("")
    for line in lines:
        show_beside("  " * line.depth, line.text)


def stats(
    ctx: typer.Context,
    name: Name,
    *,
    steps: Annotated[bool, typer.Option("--steps", help="By step instead of by version.")] = False,
    as_json: AsJson = False,
) -> None:
    """What each version of a cadence did: who entered, how it ended, what was sent, who answered."""
    from nurture.flow import reports, versions

    current = session(ctx)
    cadence_named(current, name)
    if steps:
        rows = reports.steps(name, store=current.app.store)
        columns = ("step", "channel", "made", "sent", "done", "skipped", "failed", "clicked", "replied", "unsubscribed")
        show_rows(rows, columns, as_json=as_json, empty=f"{name} has made no touch yet.")
        return
    rows = versions.stats(name, store=current.app.store)
    shown = ("version", "enrolled", "active", "done", "stopped", "goal_met", "sent", "clicked", "replied")
    show_rows(rows, shown, as_json=as_json, empty=f"Nobody has been in {name} yet.")


def diagram(
    ctx: typer.Context,
    name: Name,
    *,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE.svg", help="Write it here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a cadence as SVG."""
    from nurture.reporting.diagram import diagram as drawn

    current = session(ctx)
    rules = current.app.rules.in_force()
    version = rules.versions[cadence_named(current, name)]
    svg = drawn(rules.program(name, version).cadence, version)
    if file is not None:
        try:
            file.write_text(svg + "\n", encoding="utf-8")
        except OSError as problem:
            raise RequestError(f"{file} cannot be written: {problem.strerror}.", hint="Name another file.") from problem
    if as_json:
        show_json({"name": name, "version": version, "file": str(file) if file else None, "svg": svg})
    elif file is None:
        show(svg)
        if sys.stdout.isatty():
            say(f"As a picture: nurture cadence diagram {name} --file {name}.svg")
    else:
        say(f"Drawn: {file}")


def pause(
    ctx: typer.Context, name: Name, *, reason: Reason = "by hand", dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Hold back every touch of a cadence; nobody is enrolled meanwhile."""
    current = session(ctx)
    key = f"cadence:{cadence_named(current, name)}"
    switch(current, key, pause=True, reason=reason, dry_run=dry_run, as_json=as_json)


def resume(ctx: typer.Context, name: Name, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Let a cadence go on."""
    current = session(ctx)
    switch(current, f"cadence:{cadence_named(current, name)}", pause=False, dry_run=dry_run, as_json=as_json)


Step = Annotated[str, typer.Argument(metavar="STEP", help="A step, or an item of a stream.")]
Cadence = Annotated[str, typer.Argument(metavar="CADENCE")]
Lead = Annotated[str, typer.Argument(metavar="LEAD", help="E-mail address or lead id.")]


def preview(
    ctx: typer.Context,
    cadence: Cadence,
    step: Step,
    lead: Lead,
    *,
    html: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write the HTML part here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a step would give a lead: the text part, and where the HTML is; or the script."""
    from nurture.flow import preview as arrow

    current = session(ctx)
    person = current.lead(lead)
    found = arrow.preview(cadence, step, person.id, links=current.app.links, **current.common())
    message = found.message
    if message is None:
        if as_json:
            show_json({"template": found.template, "script": found.script})
        else:
            show(found.script or "")
        return
    path = html or current.app.settings.state_dir / "preview.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message.html, encoding="utf-8")
    except OSError as problem:
        raise RequestError(f"{path} cannot be written: {problem.strerror}.", hint="Name another file.") from problem
    if as_json:
        row: dict[str, Any] = {"template": found.template, "from": message.from_email, "to": message.to}
        show_json(row | {"subject": message.subject, "text": message.text, "html": message.html, "file": str(path)})
        return
    head = f"From: {message.from_name} <{message.from_email}>\nTo: {message.to}\nSubject: {message.subject}"
    show(f"{head}\n\n{message.text}")
    say(f"HTML: {path}")


def send(
    ctx: typer.Context,
    cadence: Cadence,
    step: Step,
    lead: Lead,
    *,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Who gets it: one of you.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send what a lead would get to yourself, marked as a test. The lead gets nothing."""
    from nurture.domain.address import normalise_email
    from nurture.flow import preview as arrow

    current = session(ctx)
    person = current.lead(lead)
    try:
        address = normalise_email(to)
    except ValueError as problem:
        raise RequestError(f"--to: {problem}.", hint="Write an address: you@acme.example") from None
    with current.app.store.unit(write=False) as work:
        other = work.leads.find(address)
    if other is not None:
        raise RequestError(f"{address} is a lead.", hint="A test goes to one of you.")
    new = f"{PREVIEW}-{current.app.clock.new_id()}"  # so that nobody looks for its touch
    found = arrow.preview(cadence, step, person.id, links=current.app.links, touch_id=new, **current.common())
    if found.message is None:
        raise UnknownNameError("e-mail", step, (), otherwise="That step is a task: nurture template preview")
    if not dry_run:
        app = current.app
        arrow.send(found, address, mailer=app.mailer, clock=app.clock, policy=app.policy)
    if as_json:
        show_json({"to": address, "subject": found.message.subject, "sent": not dry_run})
    else:
        show(f"{'Would send' if dry_run else 'Sent'} “{found.message.subject}” to {address}.")
