"""lead import, imports, undo-import, export: files in and out."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nurture.commands import progress
from nurture.commands.choosing import Where, condition, number
from nurture.commands.context import AsJson, DryRun, session
from nurture.commands.output import say, show, show_json, show_json_each, show_rows
from nurture.domain.errors import RequestError, UnknownNameError
from nurture.domain.plain import plain

if TYPE_CHECKING:
    from nurture.flow.intake import Intake
    from nurture.flow.looking import Listed

SHOWN = 20  # refused rows that a person is shown; --refused FILE.csv has them all
CONSENT = ("basis", "at", "until", "source", "text")


def mount(group: typer.Typer) -> None:
    """Add the commands to the group `lead`."""
    group.command("import")(import_file)
    group.command("imports")(imports)
    group.command("undo-import")(undo_import)
    group.command("export")(export)


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file.")],
    *,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="A name of sources.yaml.")] = None,
    map_name: Annotated[
        str | None, typer.Option("--map", metavar="NAME|FILE", help="salesforce, hubspot, marketo, or a YAML file.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Found by itself; else: comma, semicolon, tab...")] = None,
    encoding: Annotated[str | None, typer.Option(help="Found by itself; else: utf-8, latin-1...")] = None,
    refused: Annotated[
        Path | None, typer.Option("--refused", metavar="FILE.csv", help="Write every refused row here.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import leads. A second import updates and never duplicates; refused rows are listed, the others go in."""
    from nurture.flow import intake

    current = session(ctx)
    known = current.app.rules.in_force().workspace.sources
    if source is not None and known and source not in known:
        raise UnknownNameError("source", source, known, otherwise="Add it to sources.yaml, then: nurture apply")
    rows = current.app.read_rows(file, map_name, source=source, delimiter=delimiter, encoding=encoding)
    for note in rows.notes:
        say(note)
    content = None if dry_run else rows.content()
    onward = intake.begun(content, store=current.app.store) if content else None
    if onward is not None and onward.line:
        say(f"Going on with import {onward.batch}, which ended early: it is stored up to line {onward.line:,}.")
    behind = onward.line if onward else 0
    made = intake.take(
        progress.counted(rows.behind(behind), file, behind),
        file=os.fsencode(file).decode("utf-8", "replace"),  # a name may be no text
        source=source,
        by=current.person,
        dry_run=dry_run,
        content=content,
        onward=onward,
        **current.common(),
    )
    if refused is not None and made.refused:
        _write_refused(refused, made.refused)
    if as_json:
        show_json(
            {
                "batch": None if dry_run else str(made.batch),
                "created": made.created,
                "updated": made.updated,
                "unchanged": made.unchanged,
                "refused": [{"line": line, "reason": why} for line, why in made.refused],
            }
        )
        return
    _tell(made, refused, dry_run=dry_run)


def _tell(made: Intake, refused: Path | None, *, dry_run: bool) -> None:
    for note in made.notes:
        say(note)
    for line, why in made.refused[:SHOWN]:
        say(f"line {line}: {why}")
    if len(made.refused) > SHOWN:
        where = f"they are all in {refused}" if refused else "write them all with --refused FILE.csv"
        say(f"... and {len(made.refused) - SHOWN:,} more; {where}.")
    counts = f"{made.created:,} created, {made.updated:,} updated, {made.unchanged:,} unchanged"
    counts += f", {len(made.refused):,} refused"
    show(f"{counts}; nothing was stored." if dry_run else f"{counts} (import {made.batch}).")
    if not dry_run and (made.created or made.updated):
        say(f"To undo it: nurture lead undo-import {made.batch}")


def _write_refused(path: Path, refused: Iterable[tuple[int, str]]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("line", "reason"))
            writer.writerows(refused)
    except OSError as problem:
        say(f"nurture: {path} cannot be written: {problem.strerror}.")


def imports(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the imports, the latest first."""
    with session(ctx).app.store.unit(write=False) as work:
        found = work.imports.select()
    rows: list[dict[str, Any]] = [
        {
            "batch": str(row["id"]),
            "file": row["file"],
            "source": row["source"],
            "at": row["at"],
            "by": row["by"],
            "created": row["created"],
            "updated": row["updated"],
            "unchanged": row["unchanged"],
            "refused": [{"line": line, "reason": why} for line, why in row["refused"] or ()],
            "undone_at": row["undone_at"],
        }
        for row in found
    ]
    if not as_json:
        rows = [{**row, "refused": len(row["refused"])} for row in rows]
    columns = ("batch", "at", "by", "file", "source", "created", "updated", "refused", "undone_at")
    show_rows(rows, columns, as_json=as_json, empty="No imports.")


def undo_import(
    ctx: typer.Context,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="Its number: see lead imports.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Undo an import: what is untouched since is removed or set back, the rest is listed."""
    from nurture.flow import intake

    current = session(ctx)
    chosen = number(batch, what="import", see="nurture lead imports")
    done = intake.undo(chosen, store=current.app.store, now=current.now(), by=current.person, dry_run=dry_run)
    if as_json:
        show_json(
            {
                "batch": str(chosen),
                "removed": [str(lead) for lead in done.removed],
                "restored": [str(lead) for lead in done.restored],
                "kept": [{"lead": str(lead), "reason": why} for lead, why in done.kept],
            }
        )
        return
    for lead, why in done.kept:
        say(f"lead {lead} stays as it is: {why}")
    counts = f"{len(done.removed):,} removed, {len(done.restored):,} set back, {len(done.kept):,} left as they are"
    show(f"{counts}; nothing was changed." if dry_run else f"{counts}.")


def export(
    ctx: typer.Context,
    lead: Annotated[str | None, typer.Argument(metavar="[LEAD]", help="One lead, with --everything.")] = None,
    *,
    where: Where = None,
    everything: Annotated[bool, typer.Option("--everything", help="All that is held about one person.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write leads as CSV to standard output, in a form that `lead import` reads; or all that is held about one."""
    from nurture.flow import looking, persons

    current = session(ctx)
    if everything:
        if lead is None or where is not None:
            raise RequestError("--everything is about one person.", hint="Write: nurture lead export LEAD --everything")
        show_json(persons.everything(current.lead(lead).id, store=current.app.store))
        return
    rules = current.app.rules.in_force()
    common: dict[str, Any] = {"store": current.app.store, "rules": rules, "now": current.now()}
    found: Iterable[Listed]
    if lead is not None:
        found = looking.listed(condition(where), only=[current.lead(lead).id], **common)
    else:
        found = looking.every(condition(where), **common)
    rows = map(_exported, progress.told(found, "Exporting"))
    if as_json:
        show_json_each(rows)
        return
    _write_leads(rows, lambda: looking.custom_names(current.app.store))


def _write_leads(rows: Iterable[dict[str, Any]], custom: Callable[[], Iterable[str]]) -> None:
    """`custom`: asked once the rows have begun, so that it knows every field that one of them can have."""
    from nurture.domain.spreadsheet import cell

    writer = csv.writer(sys.stdout, lineterminator="\n")
    headers: list[str] = []
    for row in rows:
        if not headers:
            own = [name for name in row if not name.startswith(("x.", "consent_"))]
            headers = [*own, *(f"consent_{part}" for part in CONSENT), *(f"x.{name}" for name in custom())]
            writer.writerow([cell(header) for header in headers])
        writer.writerow([cell(row.get(header)) for header in headers])
    if not headers:
        writer.writerow(["email"])


def _exported(one: Listed) -> dict[str, Any]:
    consent = {
        f"consent_{part}": plain(value)
        for part in CONSENT
        if (value := getattr(one.consent, part, None)) not in (None, "")
    }
    own = {name: value for name, value in one.names.items() if not name.startswith("x.")}
    custom = {name: value for name, value in one.names.items() if name.startswith("x.")}
    flags = {"opted_out": one.opted_out, "do_not_call": one.lead.do_not_call}
    return {**own, **consent, **flags, **custom}
