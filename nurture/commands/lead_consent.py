"""lead consent: on what basis a person is contacted, since when and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.commands.context import AsJson, DryRun, LeadArgument, moment, session
from nurture.commands.output import say, show, show_json

if TYPE_CHECKING:
    from nurture.flow.consents import Consents

Word = Annotated[
    str | None,
    typer.Argument(
        metavar="[BASIS]", help="opt_in, customer, inquiry, published, legitimate_interest; none withdraws; objection."
    ),
]


def consent(
    ctx: typer.Context,
    lead: LeadArgument,
    basis: Word = None,
    *,
    channel: Annotated[str, typer.Option(help="email, phone or all.")] = "email",
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Since when; default now.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="When it runs out.")] = None,
    source: Annotated[str, typer.Option(help="Where it was given: a form, a call, a show.")] = "by hand",
    text: Annotated[str, typer.Option(help="What they read and agreed to, or said.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Show on what basis a lead is contacted, or record one. An objection suppresses, and no later basis undoes it."""
    from nurture.flow import consents

    current = session(ctx)
    person = current.lead(lead)
    store, policy, now = current.app.store, current.app.policy, current.now()
    if basis is None:
        found = consents.of_lead(person.id, store=store, policy=policy, now=now)
    else:
        found = consents.record(
            person.id,
            basis.strip().casefold().replace("-", "_"),
            channel=channel,
            at=moment(at, zone=policy.timezone, what="--at"),
            until=moment(until, zone=policy.timezone, what="--until"),
            source=source,
            text=text,
            store=store,
            policy=policy,
            now=now,
            by=current.person,
            dry_run=dry_run,
        )
    if as_json:
        held = [
            {"channel": one.consent.channel, "basis": one.consent.basis, "at": one.consent.at, "until": one.runs_out}
            | {"source": one.consent.source, "text": one.consent.text}
            for one in found.held
        ]
        show_json({"lead": str(person.id), "mail": found.email, "phone": found.phone, "consents": held})
        return
    _show(found)
    if dry_run and basis is not None:
        say("Nothing was stored.")


def _show(found: Consents) -> None:
    for one in found.held:
        given = one.consent
        end = f", until {one.runs_out:%Y-%m-%d}" if one.runs_out else ""
        said = f': "{given.text}"' if given.text else ""
        show(
            f"{given.channel:<6} {given.basis.replace('_', ' ')} since {given.at:%Y-%m-%d}{end} ({given.source}){said}"
        )
    words = {"nothing": "no basis is recorded", "given": "there is a basis", "expired": "the basis has run out"}
    show(f"E-mail: {words.get(found.email, 'the basis was withdrawn')}.")
    if found.phone == "withdrawn":
        show("Calls: withdrawn; nobody calls.")
