"""Rows -> leads, a batch at a time: look everything up, decide each row, write everything. A batch is a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from nurture.domain.errors import RefusedError
from nurture.domain.policy import Policy
from nurture.domain.row import Refused, Row
from nurture.flow.intake.deciding import Deciding, Known
from nurture.flow.intake.look import Ahead, look, look_ahead
from nurture.flow.intake.naming import Named, identities
from nurture.flow.intake.write import write
from nurture.moves.again import again
from nurture.moves.first_score import FirstScores
from nurture.ports import InForce, Store, Unit

BATCH: Final = 10_000  # rows: for as long as they take, nobody else writes on SQLite


@dataclass(slots=True)
class Intake:
    """What an import did. `refused` holds (line, reason)."""

    batch: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Begun:
    """An import that was not finished: everything up to `line` is stored."""

    batch: int
    line: int
    at: datetime


def begun(content: str, *, store: Store) -> Begun | None:
    """The import of the same content that was begun and not finished, if there is one."""
    with store.unit(write=False) as work:
        found = work.imports.unfinished(content)
    return Begun(found["id"], found["line"], found["at"]) if found else None


def take(
    rows: Iterable[Row | Refused],
    *,
    file: str,
    source: str | None,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    dry_run: bool = False,
    content: str | None = None,
    onward: Begun | None = None,
) -> Intake:
    """Store rows as leads, in batches; each batch is one transaction, and doing it again changes nothing.

    `content` says what is imported: an import that is cut off can be gone on with by it, as `onward`, given the rows
    behind its line. Raises RefusedError where somebody else goes on with it meanwhile.
    """
    taking = _Taking(source, rules, policy, now, by)
    if dry_run:
        with store.unit() as work:
            result = Intake(work.imports.begin(file=file, source=source, at=now, by=by))
            coming = _Coming(rows)
            while coming.step():
                taking.batch(work, result, coming.chunk)
        return result
    with store.unit() as work:
        if onward is None:
            result = Intake(work.imports.begin(file=file, source=source, at=now, by=by, content=content))
        else:
            result = _so_far(work, onward)
        work.commit()
    line = onward.line if onward else 0
    coming = _Coming(rows)
    while coming.step():
        result = _stored(taking, store, result, coming, was=line)
        line = coming.chunk[-1].line if coming.chunk else line
    return result


def _so_far(work: Unit, onward: Begun) -> Intake:
    stored = work.imports.get(onward.batch)
    assert stored is not None
    counts = {name: stored[name] for name in ("created", "updated", "unchanged")}
    return Intake(onward.batch, refused=work.imports.refused(onward.batch), **counts)


class _Coming:
    """Batches of rows, one after the other: at least one, which is empty where there are no rows."""

    def __init__(self, rows: Iterable[Row | Refused]) -> None:
        self._rows = iter(rows)
        self._following: list[Row | Refused] | None = None
        self._is_first = True
        self.chunk: list[Row | Refused] = []
        self.ahead: Ahead | None = None  # what was found of it already, and of the next one
        self.next_ahead: Ahead | None = None

    def step(self) -> bool:
        """Go to the next batch; False if there is none."""
        self.chunk, self._following = self.following(), None
        self.ahead, self.next_ahead = self.next_ahead, None
        was_first, self._is_first = self._is_first, False
        return was_first or bool(self.chunk)

    def following(self) -> list[Row | Refused]:
        """The batch behind this one."""
        if self._following is None:
            self._following = list(islice(self._rows, BATCH))
        return self._following


@again
def _stored(
    taking: _Taking,
    store: Store,
    before: Intake,
    coming: _Coming,
    *,
    was: int,
) -> Intake:
    """One batch stored, and how far the import is with it."""
    result = Intake(before.batch, before.created, before.updated, before.unchanged)
    chunk, (ahead, coming.ahead) = coming.chunk, (coming.ahead, None)  # a second time, everything is looked up again
    if not store.works_apart:
        coming.following()  # before the lock is held
    with store.unit() as work:
        known, named = taking.batch(work, result, chunk, ahead)
        is_last = not coming.following()
        if store.works_apart and not is_last:
            coming.next_ahead = look_ahead(store, coming.following(), behind=named, made=known.employers)
        if not work.imports.advance(
            result.batch,
            was=was,
            line=chunk[-1].line if chunk else was,
            created=result.created,
            updated=result.updated,
            unchanged=result.unchanged,
            refused=result.refused,
            finished_at=taking.now if is_last else None,
        ):
            raise RefusedError(
                f"Import {result.batch} is gone on with by somebody else.", hint="See: nurture lead imports"
            )
        work.commit()
    before.refused += result.refused
    result.refused = before.refused
    return result


@dataclass(slots=True)
class _Taking:
    """What is the same for every batch of an import."""

    source: str | None
    rules: InForce
    policy: Policy
    now: datetime
    by: str
    scores: FirstScores = field(init=False)

    def __post_init__(self) -> None:
        self.scores = FirstScores(self.rules, self.now)

    def batch(
        self, work: Unit, result: Intake, chunk: Sequence[Row | Refused], ahead: Ahead | None = None
    ) -> tuple[Known, Named]:
        """Look up what a batch is about, decide each row, write what follows; whom it named, and what it knows now."""
        named = ahead.named if ahead else identities(chunk)
        deciding = Deciding(look(work, named, ahead), source=self.source, now=self.now, by=self.by)
        for row, employer in zip(chunk, named.employers, strict=True):
            deciding.take(row, employer)
        write(work, deciding, result.batch, self.scores, rules=self.rules, policy=self.policy)
        result.created += deciding.created
        result.updated += deciding.updated
        result.unchanged += deciding.unchanged
        result.refused += deciding.refused
        return deciding.known, named
