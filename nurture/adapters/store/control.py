"""Rows <-> what is in force, what is paused, who is at work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, bindparam, delete, func, select, update
from sqlalchemy import insert as plain_insert

from nurture.adapters.store.agenda import agenda
from nurture.adapters.store.engine import LINEAGE
from nurture.adapters.store.rows import add_once, dicts, put
from nurture.adapters.store.tables import api_tokens, cadence_versions, jobs, marks
from nurture.adapters.store.tables import daemons as daemon_table
from nurture.adapters.store.tables import files as file_table
from nurture.adapters.store.tables import switches as switch_table
from nurture.ports.store import Switch

if TYPE_CHECKING:
    from nurture.domain.chore import Chore

LATEST = select(func.max(file_table.c.id)).group_by(file_table.c.path)
REMOVED = ""  # the hash of a file that is gone
# Statements of every pass are built once: building one costs more than running it.
_GENERATION = select(func.max(file_table.c.id))
_SWITCHES = select(switch_table).order_by(switch_table.c.name)
_MARK = select(marks).where(marks.c.name == bindparam("mark"))


class ControlRows:
    """Files, versions, switches, marks, jobs and daemons in the database."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def lineage(self) -> str:
        """Which server this is, and how often a standby took over from another; empty where nobody can tell."""
        return str(self._db.info.get(LINEAGE, ""))

    def generation(self) -> int:
        """A number that grows with every `apply` that changed something."""
        return int(self._db.execute(_GENERATION).scalar_one() or 0)

    def files(self) -> dict[str, str]:
        """The applied files: path -> content."""
        query = select(file_table.c.path, file_table.c.content)
        query = query.where(file_table.c.id.in_(LATEST), file_table.c.content.is_not(None))
        return {row.path: row.content for row in self._db.execute(query.order_by(file_table.c.path))}

    def put_files(self, files: Mapping[str, str | None], *, at: datetime, by: str) -> None:
        """Put files in force; None removes one. A file that is in force as it is writes nothing."""
        latest = select(file_table.c.path, file_table.c.sha).where(file_table.c.id.in_(LATEST))
        known = {row.path: row.sha for row in self._db.execute(latest)}
        rows = [
            {"path": path, "sha": sha, "content": content, "applied_at": at, "applied_by": by}
            for path, content in sorted(files.items())
            if (sha := _sha(content)) != known.get(path, REMOVED)
        ]
        if rows:
            self._db.execute(plain_insert(file_table), rows)

    def versions(self) -> dict[str, tuple[int, str]]:
        """Latest version and structure hash of each cadence."""
        columns = (cadence_versions.c.cadence, cadence_versions.c.version, cadence_versions.c.structure)
        rows = self._db.execute(select(*columns).order_by(cadence_versions.c.cadence, cadence_versions.c.version))
        return {row.cadence: (row.version, row.structure) for row in rows}

    def version(self, cadence: str, version: int) -> str | None:
        """The text of one version of a cadence."""
        table = cadence_versions
        query = select(table.c.content).where(table.c.cadence == cadence, table.c.version == version)
        content: str | None = self._db.execute(query).scalar_one_or_none()
        return content

    def put_version(self, cadence: str, version: int, *, structure: str, content: str, at: datetime, by: str) -> None:
        """A new version, or a new text for one whose structure is the same."""
        key = {"cadence": cadence, "version": version}
        self._put(
            cadence_versions, key, {"structure": structure, "content": content, "applied_at": at, "applied_by": by}
        )

    def switches(self) -> dict[str, Switch]:
        """What is paused."""
        return {
            row.name: Switch(row.name, row.reason, row.since, row.until, row.by) for row in self._db.execute(_SWITCHES)
        }

    def switch(self, switch: Switch) -> None:
        """Pause something; a pause that is there already is replaced."""
        values = {"reason": switch.reason, "since": switch.since, "until": switch.until, "by": switch.by}
        self._put(switch_table, {"name": switch.name}, values)

    def unswitch(self, name: str) -> bool:
        """Let it go on; False if it was not paused."""
        gone = delete(switch_table).where(switch_table.c.name == name).returning(switch_table.c.name)
        return self._db.execute(gone).first() is not None

    def mark(self, name: str) -> tuple[str, datetime] | None:
        """A stored mark."""
        row = self._db.execute(_MARK, {"mark": name}).first()
        return (row.value, row.at) if row is not None else None

    def set_mark(self, name: str, value: str, at: datetime) -> None:
        """Set a mark."""
        self._put(marks, {"name": name}, {"value": value, "at": at})

    def take_job(self, job: str, slot: str, *, at: datetime, by: str) -> bool:
        """True for the one daemon of the fleet that may run this job in this slot."""
        return add_once(self._db, jobs, {"job": job, "slot": slot, "at": at, "by": by}, jobs.c.job) is not None

    def forget_slots(self, job: str, before: str) -> None:
        """Remove the slots of a job that come before one in their order."""
        self._db.execute(delete(jobs).where(jobs.c.job == job, jobs.c.slot < before))

    def agenda(self, now: datetime, night: str) -> frozenset[Chore]:
        """The arrows that find rows at a moment, by one look at their indexes; `night` is the nightly job's slot."""
        return agenda(self._db, now, night)

    def beat(
        self, daemon: str, *, host: str, pid: int, now: datetime, sent: int, passed: datetime | None = None
    ) -> None:
        """Say that a daemon is alive; `sent` is how many touches it has sent since it started."""
        values = {"host": host, "pid": pid, "seen_at": now, "sent": sent, "stopped_at": None, "passed_at": passed}
        self._put(daemon_table, {"id": daemon}, values, once={"started_at": now})

    def daemons(self) -> list[dict[str, Any]]:
        """Daemons that were seen, latest first."""
        query = select(daemon_table).order_by(daemon_table.c.seen_at.desc(), daemon_table.c.id)
        return dicts(self._db.execute(query).all())

    def forget_daemons(self, before: datetime) -> None:
        """Remove the daemons that nobody has seen since."""
        self._db.execute(delete(daemon_table).where(daemon_table.c.seen_at < before))

    def leave(self, daemon: str, now: datetime) -> None:
        """A daemon stops cleanly."""
        stopped = update(daemon_table).where(daemon_table.c.id == daemon)
        self._db.execute(stopped.values(seen_at=now, stopped_at=now))

    def add_token(self, name: str, *, sha: str, at: datetime, by: str) -> bool:
        """Keep the hash of an API token; False if the name is taken."""
        values = {"name": name, "sha": sha, "created_at": at, "created_by": by}
        return add_once(self._db, api_tokens, values, api_tokens.c.name) is not None

    def _put(
        self, table: Table, key: Mapping[str, Any], values: Mapping[str, Any], *, once: Mapping[str, Any] | None = None
    ) -> None:
        """Insert, or replace `values` of the row with this key; `once` are those that only a new row gets."""
        once = once or {}
        put(self._db, table, [{**key, **values, **once}], key=tuple(key), once=tuple(once))


def _sha(content: str | None) -> str:
    return REMOVED if content is None else sha256(content.encode()).hexdigest()
