"""How often a lead is looked at while a limit holds it: a thousand of one company, and many in a sender's warm-up.

`python -m benchmarks.looks [--size N] [--quick]`. On SQLite, with the daemon's own dispatch and a clock
that jumps to the next moment at which something is due. Exit code 1 when it is more than two looks for each lead: one
to be given a slot, one at it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from benchmarks.result import Options, Result, alone
from benchmarks.touches import NullMailer
from nurture.adapters.store.tables import consents, enrollments, leads
from nurture.adapters.store.unit import SqlStore
from nurture.domain.policy import Limits, Sender
from nurture.domain.rate import parse_warm_up
from tests.builders import a_company
from tests.flow.loop import Loop, a_loop

AT_MOST: Final = 2.0
BATCH: Final = 512  # as the settings have it
FOR_EVER: Final = timedelta(days=40 * 365)


def crowd(loop: Loop, count: int, *, one_company: bool) -> None:
    """So many leads, all due now."""
    assert isinstance(loop.store, SqlStore)
    now = loop.now
    company = a_company(loop.store).id if one_company else None
    people: list[dict[str, Any]] = [
        {"id": n, "email": f"p{n}@c{n}.example", "status": "nurturing", "stage": "unknown", "fit": 0.0,
         "created_at": now, "arrived_at": now, "changed_at": now, "timezone": "Europe/Paris",
         "company_id": company, "custom": {}}
        for n in range(1, count + 1)
    ]  # fmt: skip
    agreed = [{"lead_id": n, "basis": "opt_in", "at": now, "source": "", "text": ""} for n in range(1, count + 1)]
    places = [
        {"lead_id": n, "cadence": "course", "version": 1, "state": "active", "pc": 0, "anchor": now, "priority": 50,
         "next_at": now, "started_at": now, "held_out": False, "slot": n, "by": "benchmark"}
        for n in range(1, count + 1)
    ]  # fmt: skip
    with loop.store.engine.begin() as db:
        db.execute(insert(leads), people)
        db.execute(insert(consents), agreed)
        db.execute(insert(enrollments), places)


def looks(count: int, *, one_company: bool) -> float:
    """Let them all be sent to; prints and returns the looks for each lead."""
    limits = Limits(None, None, None, 3 if one_company else None, None)
    ceilings = () if one_company else (parse_warm_up("20 per hour x1.4 daily"),)
    senders = {"dana": Sender("dana", "dana@acme.example", "Dana", "reply.example", "1 Road", ceilings=ceilings)}
    with (
        tempfile.TemporaryDirectory() as folder,
        a_loop(Path(folder), "- email: one", limits=limits, senders=senders, batch=BATCH) as loop,
    ):
        loop.mailer = NullMailer()  # type: ignore[assignment]
        crowd(loop, count, one_company=one_company)
        began, first = time.process_time(), loop.now
        looked = sent = passes = 0
        while True:
            done = loop.tick()
            looked, sent, passes = looked + done.looked_at, sent + done.sent, passes + 1
            with loop.store.unit(write=False) as work:
                due = work.enrollments.next_due()
            if due is None or due > first + FOR_EVER:
                break
            loop.clock.advance(seconds=max((due - loop.now).total_seconds(), 0))
        assert sent == count, (sent, count)
        took, days = time.process_time() - began, (loop.now - first).days
    what = "of one company" if one_company else "in a warm-up"
    print(
        f"{looked / count:5.2f} looks a lead: {count:,} {what}, over {days:,} days in {passes:,} passes, {took:.0f} s"
    )
    return looked / count


def rows(options: Options) -> Iterator[Result]:
    """The looks at a lead of one company, and in a warm-up."""
    for people, one_company in ((options.size(1_000, 100), True), (options.size(20_000, 500), False)):
        where = "one company" if one_company else "a warm-up"
        yield Result(
            f"looks at {people:,} leads of {where}", "leads", looks(people, one_company=one_company), at_most=AT_MOST
        )


if __name__ == "__main__":
    sys.exit(alone(__doc__, rows))
