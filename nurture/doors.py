"""What the web, the daemon and some commands need of the adapters, chosen for an App; a part of wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from nurture.domain import calendar
from nurture.domain.errors import NurtureError, UnreachableError

if TYPE_CHECKING:
    from nurture.domain.durability import Durability
    from nurture.domain.outcome import Outcome, StillOpen
    from nurture.domain.row import Refused
    from nurture.ports.world import Hints
    from nurture.wiring import App

Verify = Callable[[str | None, str | None, bytes], bool]


@dataclass(frozen=True, slots=True)
class Doors:
    """`verify_events` and `verify_inbound` take signature, timestamp and body; None: no key is set."""

    verify_events: Verify | None
    verify_inbound: Verify | None
    token_name: Callable[[str], str | None]  # whose API token this is
    schema_problem: Callable[[], str | None]
    read_phone: Callable[[str, str | None], str]
    brief_page: Callable[..., str]  # (brief, actions=HTML, nonce=TEXT) -> HTML
    is_outage: Callable[[BaseException], bool]  # whether an exception says that the database is away


def doors_of(app: App) -> Doors:
    """The doors of one workspace."""
    from nurture.adapters.mail.inbound_signature import verify_inbound
    from nurture.adapters.salesdesk.page import page
    from nurture.adapters.store.tokens import Tokens

    keys = app.settings.sendgrid
    return Doors(
        verify_events=_verifier(keys.event_public_key),
        verify_inbound=partial(verify_inbound, keys.inbound_public_key) if keys.inbound_public_key else None,
        token_name=lambda token: Tokens(app.sql.engine).name_of(token),
        schema_problem=lambda: _schema_problem(app),
        read_phone=app.read_phone,
        brief_page=page,
        is_outage=lambda problem: isinstance(problem, DBAPIError | UnreachableError),
    )


def read_deals(app: App, path: Path, *, currency: str) -> Iterator[Outcome | StillOpen | Refused]:
    """The lines of a CRM export with outcomes. Raises RequestError for a file without the columns that it takes."""
    from nurture.adapters.lead_files import deals

    return deals.read_deals(path, currency=currency, zone=calendar.zone(app.policy.timezone))


def _verifier(key: str) -> Verify | None:
    if not key:
        return None
    from nurture.adapters.mail.sendgrid_events import verify_event

    return lambda signature, timestamp, body: verify_event(key, signature, timestamp, body)


def warm_up(app: App) -> None:
    """Read what is in force; where many mails are due, wait until the process that renders them is there."""
    from nurture.adapters.rendering.process import MANY, RenderProcess
    from nurture.adapters.rendering.templates import Templates

    templates, renderer = app.rules.in_force().templates, app.renderer
    with app.store.unit(write=False) as work:
        due = work.enrollments.count_due(app.store.now(app.clock.now()))
    if due >= MANY and isinstance(renderer, RenderProcess) and isinstance(templates, Templates):
        renderer.start(templates, wait=True)


def folders_of(app: App) -> list[Path]:
    """Every folder that a daemon writes to, the database's first where it is a file."""
    from nurture.adapters.store.unit import folder_of

    found = [folder_of(app.sql.engine), app.settings.folder, app.settings.state_dir]
    return list(dict.fromkeys(one.resolve() for one in found if one is not None))


def disk_trouble(folder: Path) -> tuple[str, str] | None:
    """What is wrong with the disk of a folder, without its name, and what to do; None where it can be written."""
    from nurture.adapters.disk import trouble

    return trouble(folder)


def durability_of(app: App) -> Durability | None:
    """How safe a commit is; None on SQLite, where it waits for the disk."""
    from nurture.adapters.store.durability import durability

    return durability(app.sql.engine)


def hints_of(app: App) -> Hints | None:
    """How daemons are told that there is work; None on SQLite, where one of them looks often enough."""
    if not app.settings.database_url.startswith("postgresql"):
        return None
    from nurture.adapters.store.hints import PostgresHints

    return PostgresHints(app.sql.engine)


def tell_daemons(app: App) -> None:
    """Say that there may be work for them."""
    hints = hints_of(app)
    if hints is not None:
        hints.give()


def _schema_problem(app: App) -> str | None:
    """What is wrong with the database, in words without an address or a secret; None when it is ready."""
    from nurture.adapters.store import schema

    try:
        # A newer one only adds: this daemon was started before it, and goes on beside those of the newer version.
        return None if schema.is_at_least(app.sql.engine) else "the schema is older than this program"
    except (NurtureError, DBAPIError):
        return "the database does not answer"


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file."""
    from nurture.adapters.cadence_files.json_schema import schema

    return schema(kind)
