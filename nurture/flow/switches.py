"""What an operator holds back or sets right by hand: sending, a cadence, a mailer, a link."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from nurture.domain.errors import RequestError, UnknownNameError
from nurture.domain.touch import Reason, State
from nurture.moves import clock
from nurture.moves.again import again
from nurture.moves.first_wave import let_go_on
from nurture.ports import Store
from nurture.ports.store import Change, Switch

SEND: Final = "send"
_ALL: Final = {SEND: "All sending", "mailer": "All mail"}


def spoken(name: str) -> str:
    """What a switch holds back, as a sentence begins."""
    kind, _, named = name.partition(":")
    return _ALL.get(name) or f"{kind.capitalize()} {named}".strip()


def way_out(name: str, mailer: str) -> str:
    """The command that lets go on what a switch holds back; `mailer` is the one in use."""
    kind, _, named = name.partition(":")
    ways = {
        SEND: "nurture send resume",
        "mailer": f"nurture mailer resume {named or mailer}",
        "cadence": f"nurture cadence resume {named}",
    }
    return f"When that is put right: {ways[kind]}" if kind in ways else "See: nurture doctor"


@again
def pause(name: str, *, reason: str, store: Store, now: datetime, by: str, dry_run: bool = False) -> bool:
    """Hold back `send`, `cadence:NAME` or `mailer:NAME`; False if it was already."""
    with store.unit() as work:
        if name in work.control.switches():
            return False
        work.control.switch(Switch(name, reason, now, None, by))
        work.notes.add([Change("switch", f"{name.replace(':', ' ')} paused: {reason}", now, by=by)])
        if not dry_run:
            work.commit()
    return True


@again
def resume(name: str, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> bool:
    """Let it go on, with the enrollments that were put off because of it; False if there was nothing to resume.

    With a cadence go on the e-mails that it waits for and that are held after their first wave. With all sending, a
    clock that jumped is taken as it is.
    """
    with store.unit() as work:
        was_paused = work.control.unswitch(name)
        if name == SEND:
            was_paused = clock.accept(work, now, by=by) or was_paused
        kind, _, named = name.partition(":")
        cadence = named if kind == "cadence" else None
        planned = work.touches.select(state=State.PLANNED, cadence=cadence)
        waiting = {one.template for one in planned if one.reason is Reason.FIRST_WAVE} if cadence else set()
        released = let_go_on(work, waiting, now=now)
        if not was_paused and not released:
            return False
        held = [
            one.enrollment
            for one in planned
            if one.enrollment is not None and one.reason in (Reason.PAUSED, Reason.MAILER_PAUSED)
        ]
        work.enrollments.wake(held, now)
        texts = [f"{one}: the rest follows after its first wave" for one in released]
        work.notes.add([Change("first_wave", text, now, by=by) for text in texts])
        work.notes.add([Change("switch", f"{name.replace(':', ' ')} resumed", now, by=by)])
        if not dry_run:
            work.commit()
    return True


def repair_link(old: str, new: str, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> int:
    """Lead a link elsewhere; how many were. Raises RequestError for what is no web address, or is in no mail."""
    parts = urlsplit(new)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(character in new for character in " \r\n"):
        raise RequestError(f"{new!r} is no web address.", hint="Write it whole: https://...")
    with store.unit() as work:
        known = {url for _, url, target in work.touches.links() for url in (url, target)}
        if old not in known:
            raise UnknownNameError("link", old, sorted(known), otherwise="Run: nurture link list")
        changed = work.touches.repair_link(old, new)
        work.notes.add([Change("link", f"{old} leads to {new}", now, by=by)])
        if not dry_run:
            work.commit()
    return changed
