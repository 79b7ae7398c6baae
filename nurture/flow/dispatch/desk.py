"""What a pass of dispatch works with, what it did, and what it knows that no database has yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nurture.domain.breaker import Breaker
from nurture.domain.policy import Policy
from nurture.domain.verdict import Verdict
from nurture.flow.dispatch.send import Intended
from nurture.moves.pressure import Pressure
from nurture.moves.scene import Scene
from nurture.ports import Clock, InForce, Links, Mailer, Store
from nurture.ports.rules import Renderer
from nurture.ports.world import HighWater

Result = tuple[Intended, Verdict]


@dataclass(slots=True)
class Tally:
    """What a pass did."""

    looked_at: int = 0
    sent: int = 0
    in_doubt: int = 0
    failed: int = 0
    tasks: int = 0
    skipped: int = 0
    waiting: int = 0
    finished: int = 0


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Answers that the database was not there to take. They are known as long as this process lives."""

    results: Sequence[Result]
    scene: Scene | None


LEFT_LYING: Final = Unrecorded((), None)  # what was claimed, and not worked on: it need not wait for its lease


@dataclass(frozen=True, slots=True)
class Desk:
    """What the arrow works with, the same for all batches of a pass."""

    store: Store
    mailer: Mailer
    rules: InForce
    links: Links
    policy: Policy
    clock: Clock
    owner: str
    now: datetime
    breaker: Breaker = field(default_factory=Breaker)
    pressure: Pressure = field(default_factory=Pressure)
    unrecorded: list[Unrecorded] = field(default_factory=list)  # the same list for all passes of a process
    high_water: HighWater | None = None
    renderer: Renderer | None = None  # None: in this process
    server: str | None = None  # that the pass began on: another one may not know what was sent
    stops: Callable[[], bool] = bool  # whether somebody asks us to end: then no group is begun any more
