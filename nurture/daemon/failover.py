"""A standby took over. Did it lose commits? Where nobody knows, each daemon looks at its own mark before any goes on.

A daemon sees in its own mark whether the new server lacks what it sent; what another one sent, it cannot see. So all
that were at work look first, and one that is gone is answered for by its successor on the same machine, or a person.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from nurture.domain.durability import Durability, is_kept
from nurture.domain.fleet import ALIVE
from nurture.ports import Unit
from nurture.ports.store import Change

SERVER: Final = "server"  # the mark: which server it is, whether a standby has each commit, and when that was seen
LOOKED: Final = "looked:"  # the marks of those who have looked, each with the server that they found
PATIENCE: Final = timedelta(minutes=2)  # for the others to look, until somebody is told
KEPT: Final = "kept"


def note(work: Unit, found: Durability | None, now: datetime) -> None:
    """Write down which server this is, and whether a standby has every commit; with each heartbeat."""
    here, known = work.control.lineage(), work.control.mark(SERVER)
    if here and (known is None or known[0].split()[0] == here):
        kept = found is not None and is_kept(found)
        work.control.set_mark(SERVER, f"{here} {KEPT}" if kept else here, now)


def problem(work: Unit, owners: Collection[str], now: datetime) -> str:
    """Why nothing may be sent yet; empty where the server is the same, or nothing was lost.

    `owners`: the daemons whose marks are on this machine and not ahead of this database.
    """
    here = work.control.lineage()
    known = work.control.mark(SERVER) if here else None
    if known is None or known[0].split()[0] == here:
        return ""
    if KEPT not in known[0].split():
        for owner in owners:
            if (looked := work.control.mark(f"{LOOKED}{owner}")) is None or looked[0] != here:
                work.control.set_mark(f"{LOOKED}{owner}", here, now)
        missing = [one for one in _at_work(work, known[1]) if (work.control.mark(f"{LOOKED}{one}") or ("",))[0] != here]
        if missing:
            return _waiting(work, missing, owners, here, now)
    _go_on(work, here, "another server has the database, and lacks nothing that was sent", now)
    return ""


def accept(work: Unit, now: datetime) -> None:
    """A person takes the database as it is."""
    if here := work.control.lineage():
        work.control.set_mark(SERVER, here, now)


def _at_work(work: Unit, last: datetime) -> list[str]:
    """Who may have sent something that the new server lacks."""
    return [
        one["id"]
        for one in work.control.daemons()
        if one["stopped_at"] is None and one["started_at"] <= last and one["seen_at"] > last - ALIVE
    ]


def _waiting(work: Unit, missing: Collection[str], owners: Collection[str], here: str, now: datetime) -> str:
    words = (
        f"Another server has the database, and its standby may have been behind: {', '.join(missing)} must look"
        " whether it lacks what they sent."
    )
    since = min(mark[1] for owner in owners if (mark := work.control.mark(f"{LOOKED}{owner}")) is not None)
    if now - since > PATIENCE:
        hint = "Start them where they ran. Are they gone for good? Then run: nurture database accept"
        payload = {"subject": "Nothing is sent after a failover", "text": f"{words}\n\n{hint}"}
        work.sales.deliver(key=f"{SERVER}:{here}", kind="alert", to="", payload=payload, at=now)
    return words


def _go_on(work: Unit, here: str, words: str, now: datetime) -> None:
    work.control.set_mark(SERVER, here, now)
    work.notes.add([Change("failover", words, now, by="daemon", detail={"server": here})])
