"""A store, a lead, a company, an enrollment, a touch: valid by default, override what matters.

Each takes a Store (then it commits) or a Unit (then the test does), stores one thing and gives it back as stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, cast

from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.schema import upgrade
from nurture.adapters.store.unit import SqlStore
from nurture.domain import enrollment, touch
from nurture.domain.enrollment import Enrollment, Place
from nurture.domain.lead import Company, Lead, Stage, Status
from nurture.domain.touch import Channel, Touch
from nurture.ports.store import Consent, Store, Unit
from tests.fakes import A_TUESDAY

SQLITE: Final = "sqlite:///"
_numbers = count(1)


@contextmanager
def a_store(url: str) -> Iterator[SqlStore]:
    """A store in an empty database, with all tables."""
    if url.startswith(SQLITE):
        Path(url.removeprefix(SQLITE)).write_bytes(an_empty_database())
    engine = open_engine(url)
    try:
        upgrade(engine)
        yield SqlStore(engine)
    finally:
        engine.dispose()


@cache
def an_empty_database() -> bytes:
    """A database file with all tables and nothing in them: to copy it is quicker than to make it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.db"
        engine = open_engine(f"{SQLITE}{file}")
        upgrade(engine)
        engine.dispose()
        return file.read_bytes()


@contextmanager
def _working(where: Store | Unit) -> Iterator[Unit]:
    """The given unit, or a new one that is committed."""
    opened = getattr(where, "unit", None)
    if opened is None:
        yield cast("Unit", where)
    else:
        with opened() as work:
            yield work
            work.commit()


def a_company(where: Store | Unit, **over: Any) -> Company:
    """A company. `name`, `domain`, `now` and every column of companies may be given."""
    number = next(_numbers)
    name = over.pop("name", f"Company {number}")
    domain = over.pop("domain", f"company-{number}.example")
    now = over.pop("now", A_TUESDAY)
    values = {"industry": "manufacturing", "employees": 250, "country": "DE", "timezone": "Europe/Berlin", **over}
    with _working(where) as work:
        company = work.leads.company_for(name=name, domain=domain, values=values, now=now)
        return work.leads.companies([company])[company]


def a_lead(where: Store | Unit, **over: Any) -> Lead:
    """A nurtured lead with an address and consent to e-mail. Every column of leads may be given.

    `company` is a Company; `consent=False` leaves the basis for contact out.
    """
    number = next(_numbers)
    now = over.get("created_at", A_TUESDAY)
    company: Company | None = over.pop("company", None)
    consent: bool = over.pop("consent", True)
    values: dict[str, Any] = {
        "email": f"lead-{number}@example.com",
        "status": Status.NURTURING.value,
        "stage": Stage.UNKNOWN.value,
        "first_name": "Ada",
        "last_name": f"Lovelace {number}",
        "timezone": "Europe/Paris",
        "country": "FR",
        "company_id": company.id if company else None,
        "created_at": now,
        "arrived_at": now,
        "changed_at": now,
        **over,
    }
    with _working(where) as work:
        lead = work.leads.add(values)
        if consent:
            work.leads.add_consent(lead, Consent("opt-in", now, source="test"))
        return work.leads.get([lead])[lead]


def an_enrollment(where: Store | Unit, **over: Any) -> Enrollment:
    """An active enrollment, due now. Every field of Enrollment may be given; `lead` is a Lead or an id."""
    now = over.pop("now", A_TUESDAY)
    with _working(where) as work:
        lead = _id_of(over.pop("lead", None) or a_lead(work))
        values: dict[str, Any] = {
            "cadence": "evergreen",
            "version": 1,
            "state": enrollment.State.ACTIVE,
            "place": Place(0, now),
            "priority": 50,
            "next_at": now,
            "started_at": now,
            **over,
        }
        added = work.enrollments.add(Enrollment(id=0, lead=lead, **values), by="test")
        if added is None:
            raise ValueError(f"lead {lead} has an exclusive enrollment already")
        return work.enrollments.get([added])[added]


def a_touch(where: Store | Unit, **over: Any) -> Touch:
    """A planned e-mail, due now, of an enrollment of its own. Every field of Touch may be given.

    `lead` is a Lead or an id; `enrollment` an Enrollment, an id, or None for a touch outside of any.
    """
    now = over.pop("now", A_TUESDAY)
    with _working(where) as work:
        if "enrollment" not in over:
            mine = over.get("lead")
            over["enrollment"] = an_enrollment(work, now=now, exclusive=False, **({"lead": mine} if mine else {}))
        of = over.pop("enrollment")
        if isinstance(of, int):
            of = work.enrollments.get([of])[of]
        lead = over.pop("lead", None) or (of.lead if of else a_lead(work))
        values: dict[str, Any] = {
            "id": f"touch-{next(_numbers)}",
            "lead": _id_of(lead),
            "enrollment": of.id if of else None,
            "cadence": of.cadence if of else "",
            "version": of.version if of else 0,
            "step": "hello",
            "channel": Channel.EMAIL,
            "state": touch.State.PLANNED,
            "template": "evergreen/hello",
            "due_at": now,
            "created_at": now,
            **over,
        }
        made = Touch(**values)
        work.touches.add([made])
        return work.touches.get([made.id])[made.id]


def a_sent_touch(where: Store | Unit, **over: Any) -> Touch:
    """An e-mail that went out, counts against the limits, and can be answered."""
    at = over.get("now", A_TUESDAY)
    went = {"state": touch.State.SENT, "attempt": 1, "intent_at": at, "sent_at": at + timedelta(seconds=1)}
    return a_touch(where, **{**went, "counted_at": at, "address": "ada@example.com", "domain": "example.com", **over})


def _id_of(lead: Lead | int) -> int:
    return lead if isinstance(lead, int) else lead.id
