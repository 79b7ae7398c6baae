"""What conditions ask about a lead, as SQL over its row: the flat names, and the questions to its history.

Each is what `names_of` and `LeadHistory` say of the same lead; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Double,
    Integer,
    Numeric,
    ScalarSelect,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
)

from nurture.adapters.store.people import FIRST_DOMAIN
from nurture.adapters.store.tables import companies, facts, leads, responses, touches
from nurture.adapters.store.texts import Custom
from nurture.domain.fact import FactName
from nurture.domain.history import AFTER_PATH, ENDED
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import CONTACTED

if TYPE_CHECKING:
    from nurture.adapters.store.conditions import Calls
    from nurture.domain.duration import Duration

FACTS: Final = frozenset(map(str, FactName))
OF_COMPANY: Final = frozenset({"company", "domain", "industry", "employees", "revenue", "country", "timezone"})
OWN: Final = (
    *("email", "first_name", "last_name", "title", "phone", "language", "source", "owner", "external_id"),
    *("status", "stage", "fit", "engagement", "asked_for_sales", "created_at"),
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MONTH: Final = 30.4375  # days, as `timeline_months` counts them
PRESENT: Final = (leads.c.merged_into.is_(None), leads.c.forgotten_at.is_(None))

Column = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class At:
    """A moment that is known: what follows from it is written into the statement."""

    now: datetime

    def value(self, name: str, of: Callable[[datetime], Any]) -> Any:
        """What follows from the moment."""
        return of(self.now)


class AnyTime:
    """A moment that is said later: what follows from it are parameters of a statement that is put together once."""

    def __init__(self) -> None:
        self._follow: dict[str, Callable[[datetime], Any]] = {}

    def value(self, name: str, of: Callable[[datetime], Any]) -> Any:
        """The parameter of this name."""
        self._follow[name] = of
        return bindparam(name)

    def values(self, now: datetime) -> dict[str, Any]:
        """The parameters at a moment."""
        return {name: of(now) for name, of in self._follow.items()}


@lru_cache(maxsize=16)
def names(dialect: str, moment: At | AnyTime, *, facts_valid: timedelta | None) -> Mapping[str, Column]:
    """The flat names as `names_of` gives them; a fact that is older than `facts_valid` is not known.

    Made once for all conditions of a pass.
    """
    at = func.instr(leads.c.email, "@") if dialect == "sqlite" else func.strpos(leads.c.email, "@")
    behind = case((leads.c.email.is_not(None), func.substr(leads.c.email, at + 1)), else_=null())
    found: dict[str, Column] = {name: leads.c[name] for name in OWN}
    found |= {name: companies.c[name] for name in ("industry", "employees", "revenue")}
    found |= {
        name: func.coalesce(func.nullif(leads.c[name], ""), companies.c[name]) for name in ("country", "timezone")
    }
    found["company"] = companies.c.name
    found["domain"] = func.coalesce(func.nullif(FIRST_DOMAIN, ""), behind)
    found["score"] = leads.c.fit + leads.c.engagement
    found["timeline_months"] = _months(dialect, moment)
    fresh = []
    if facts_valid is not None:
        fresh = [facts.c.at >= moment.value("facts_since", lambda now: now - facts_valid)]
    for name in FACTS:
        found[name] = exists().where(facts.c.lead_id == leads.c.id, facts.c.name == name, *fresh)
    still_to_come = leads.c.timeline_on.is_(None) | (leads.c.timeline_on >= _today(moment))
    found[FactName.TIMELINE.value] = found[FactName.TIMELINE.value] & still_to_come
    return found


def _today(moment: At | AnyTime) -> Any:
    return moment.value("today", lambda now: now.date())


def _months(dialect: str, moment: At | AnyTime) -> Column:
    # No count of days lies so near to half a hundredth of a month that the two roundings could differ.
    today = _today(moment)
    if dialect == "sqlite":
        written = moment.value("today_as_text", lambda now: now.date().isoformat())
        days: Column = func.julianday(leads.c.timeline_on) - func.julianday(written)
        return case((leads.c.timeline_on >= today, func.round(days / MONTH, 2, type_=Double())))
    days = cast(leads.c.timeline_on - type_coerce(today, Date()), Integer)
    months: Column = func.round(cast(days, Numeric()) / cast(literal(str(MONTH)), Numeric()), 2)
    return case((leads.c.timeline_on >= today, cast(months, Double())))


def questions(dialect: str, moment: At | AnyTime) -> Calls:
    """What `LeadHistory` answers about the lead of the row, outside of any enrollment."""

    def is_template(name: str) -> Column:
        if dialect == "postgresql":
            return or_(touches.c.template == name, touches.c.template.endswith(f"/{name}", autoescape=True))
        # There LIKE takes no notice of case.
        return or_(touches.c.template == name, func.substr(touches.c.template, -len(name) - 1) == f"/{name}")

    def clicked(template: str) -> Column:
        made = and_(touches.c.id == responses.c.touch_id, touches.c.lead_id == leads.c.id)
        return exists().where(*_human(Kind.CLICK), made, is_template(template))

    def replied() -> Column:
        return exists().where(*_human(Kind.REPLY))

    def sent(template: str) -> Column:
        states = [state.value for state in CONTACTED]
        return exists().where(touches.c.lead_id == leads.c.id, touches.c.state.in_(states), is_template(template))

    def visited(page: str) -> Column:
        above, seen = page.rstrip("/"), Custom(responses.c.detail, "page")
        below = func.substr(seen, 1, len(above)) == above, func.substr(seen, len(above) + 1, 1).in_(AFTER_PATH)
        return exists().where(*_human(Kind.VISIT), seen != "", *below)

    def outcome(step: str) -> Column:
        ended = case((touches.c.state.in_(sorted(ENDED)), touches.c.state))
        query = (
            select(func.coalesce(func.nullif(touches.c.outcome, ""), ended, type_=Text()))
            .where(touches.c.lead_id == leads.c.id, touches.c.step == step)
            .order_by(case((touches.c.enrollment_id.is_(None), 0), else_=1), touches.c.created_at.desc(), touches.c.id)
        )
        return _one(query.limit(1))

    def made(channel: str, within: Duration) -> Column:
        since = moment.value(f"since_{within.span.total_seconds():.0f}", lambda now: now - within.span)
        query = select(func.count()).where(
            touches.c.lead_id == leads.c.id, touches.c.channel == channel, touches.c.counted_at > since
        )
        return _one(query)

    def days_since(kind: str) -> Column:
        seconds = _seconds_since(dialect, func.max(responses.c.at), moment)
        return _one(select(seconds / 86_400.0).where(*_human(Kind(kind))))

    def colleagues(stage: str) -> Column:
        others = leads.alias("colleagues")
        query = select(func.count()).where(
            others.c.company_id == leads.c.company_id,
            others.c.id != leads.c.id,
            others.c.stage == stage,
            others.c.merged_into.is_(None),
            others.c.forgotten_at.is_(None),
        )
        return _one(query)

    asked = (clicked, replied, sent, visited, outcome, days_since, colleagues)
    return {question.__name__: question for question in asked} | {"touches": made}


def _human(kind: Kind) -> tuple[Column, ...]:
    return (
        responses.c.lead_id == leads.c.id,
        responses.c.kind == kind.value,
        responses.c.grade == Grade.HUMAN.value,
    )


def _one(query: Any) -> ScalarSelect[Any]:
    found: ScalarSelect[Any] = query.correlate(leads).scalar_subquery()
    return found


def _seconds_since(dialect: str, happened: Column, moment: At | AnyTime) -> Column:
    """In whole microseconds first, so that the last bit is as in Python."""
    reference = moment.value("microseconds", lambda now: (now - EPOCH) // timedelta(microseconds=1))
    if dialect == "sqlite":
        text = cast(happened, Text)
        micros = cast(func.strftime("%s", text), BigInteger) * 1_000_000 + cast(func.substr(text, 21, 6), BigInteger)
    else:
        micros = cast(func.extract("epoch", happened) * 1_000_000, BigInteger)
    return cast(type_coerce(reference, BigInteger()) - micros, Double()) / 1e6


def needs_company(used: frozenset[str]) -> bool:
    """Whether these names can be said only with the company beside the lead."""
    return bool(used & OF_COMPANY)
