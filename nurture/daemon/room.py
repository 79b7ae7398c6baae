"""The disks that a workspace writes to: what is wrong with them, and what will be."""

from __future__ import annotations

import shutil
import socket
from datetime import datetime
from typing import Final

from nurture.domain.mail_domain import Finding
from nurture.doors import disk_trouble, folders_of
from nurture.wiring import App

LITTLE: Final = 200 * 1024 * 1024
HINT: Final = "Make room: on a full disk nothing is sent and nothing recorded."


def troubles(app: App) -> list[Finding]:
    """Each disk that cannot be written now."""
    found: dict[str, Finding] = {}  # by what is wrong: the folders mostly share a disk
    for folder in folders_of(app):
        if (said := disk_trouble(folder)) is not None:
            found.setdefault(said[0], Finding("error", f"{said[0]}: {folder}.", said[1]))
    return list(found.values())


def narrow(app: App) -> list[Finding]:
    """Each disk on which there is little room."""
    found, seen = [], set()
    for folder in folders_of(app):
        try:
            free, disk = shutil.disk_usage(folder).free, folder.stat().st_dev
        except OSError:
            continue  # it is not there yet, or `troubles` says what is wrong with it
        if free < LITTLE and disk not in seen:
            found.append(Finding("error", f"Only {free // 1024 // 1024} MB of disk are free at {folder}.", HINT))
        seen.add(disk)
    return found


def tell(app: App, now: datetime) -> None:
    """An alert, at most one a day for each machine, while there is still room to write it down."""
    if not (found := narrow(app)):
        return
    with app.store.unit() as work:
        host = socket.gethostname()  # each machine has its own disks
        text = "\n".join(f"{one.what} {one.hint}" for one in found)
        payload = {"subject": f"A disk of {host} is nearly full", "text": text}
        work.sales.deliver(key=f"disk:{now.date().isoformat()}:{host}", kind="alert", to="", payload=payload, at=now)
        work.commit()
