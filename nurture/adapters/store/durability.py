"""What a PostgreSQL server says about how safe a commit is."""

from __future__ import annotations

from sqlalchemy import Engine, text

from nurture.adapters.store.unit import reached
from nurture.domain.durability import Durability

_SETTINGS = text(
    "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
    " current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)"
)


def durability(engine: Engine) -> Durability | None:
    """The settings that hold for us; None for SQLite, where each commit waits for the disk. Raises UnreachableError."""
    if engine.dialect.name != "postgresql":
        return None
    with reached(engine), engine.connect() as db:
        fsync, level, names, standbys = db.execute(_SETTINGS).one()
    return Durability(fsync == "on", level, names, standbys, hosts_of(engine))


def hosts_of(engine: Engine) -> int:
    """How many servers the address names: more than one are a primary and its standbys."""
    named = engine.url.query.get("host") or engine.url.host or ""
    return len(",".join([named] if isinstance(named, str) else named).split(","))
