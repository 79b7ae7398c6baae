"""What each key by itself allows and all of them together do not: refused, with what to write instead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from nurture.domain import calendar
from nurture.domain.errors import RequestError
from nurture.settings.sections import Settings
from nurture.settings.words import MOST_PORT

# A provider may report an event again for so long; what is in the archive is not looked at then.
_REPEATED: Final = timedelta(days=1)


def refuse(settings: Settings, path: Path) -> None:
    """Raise RequestError for the first of them; `path`: the file that is named."""
    if settings.retention.events < _REPEATED:
        what = "retention.events must be a day at least: a provider may report an event again for so long."
        raise RequestError(f"{path}: {what}", hint='Write for example: events = "24 months"')
    if settings.backup.every is not None:
        if not settings.database_url.startswith("sqlite"):
            what = "backup.every is for SQLite. PostgreSQL has its own tools, which also know its log."
            raise RequestError(f"{path}: {what}", hint="Remove it, and use pg_dump or continuous archiving.")
        if settings.backup.every < timedelta(minutes=1):
            raise RequestError(f"{path}: backup.every must be a minute at least.", hint='Write: every = "1 day"')
    if settings.digest.at is not None and not (settings.alerts.email or settings.alerts.webhook):
        what = "digest.at is set, and nobody would get the digest."
        raise RequestError(f"{path}: {what}", hint="Set alerts.email or alerts.webhook.")
    try:
        calendar.zone(settings.calendar.timezone)
    except ValueError as problem:
        raise RequestError(f"{path}: calendar.timezone: {problem}", hint="Write a name: Europe/Berlin.") from None
    host, colon, port = settings.web.bind.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port[:9]) > MOST_PORT:
        raise RequestError(f"{path}: web.bind must be HOST:PORT, not {settings.web.bind!r}.", hint="127.0.0.1:8025")
