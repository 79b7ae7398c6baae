"""Groups of mails are with the provider while the next are made, and what came of them is not lost.

The protocol is as for one after the other: an intent is committed before its mail is handed over, outside of any
transaction, and an answer is recorded in a transaction that comes after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from nurture.domain.touch import TouchId
from nurture.domain.verdict import ChannelDown, Maybe, Verdict
from nurture.flow.dispatch.checked import stop
from nurture.flow.dispatch.desk import Desk, Result, Unrecorded
from nurture.flow.dispatch.send import HELD_BACK, Intended
from nurture.moves.scene import Scene

AT_ONCE: Final = 8  # groups with the provider


@dataclass(frozen=True, slots=True)
class _Flying:
    """A group that is with the provider."""

    answers: Future[list[tuple[TouchId, Verdict]]]
    group: Sequence[Intended]
    scene: Scene


class Handover:
    """Hands groups to the provider, no more mails at a time than one group may have. To be closed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hands = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="handover")
        self._flying: deque[_Flying] = deque()  # in the order in which they were handed over
        self.landed: list[Unrecorded] = []  # what is known, and not recorded

    def begin(self, group: Sequence[Intended], scene: Scene, deadline: float, *, is_trial: bool) -> None:
        """Hand over a group whose intents are committed, once there is room for it.

        What became of earlier ones was not known to the intents: where the channel is down, or the breaker has opened,
        they are not handed over. `is_trial`: the breaker was open before, and lets this one through.
        """
        held: Verdict | None = self._make_room(len(group))
        if held is None and self._desk.breaker.is_open and not is_trial:
            held = HELD_BACK
        if held is not None and group:
            self.landed.append(Unrecorded([(one, held) for one in group], scene))
        elif group:
            messages = [one.outgoing.rendered.message for one in group]
            answers = self._hands.submit(lambda: list(self._desk.mailer.send(messages, deadline=deadline)))
            self._flying.append(_Flying(answers, group, scene))

    def land(self) -> None:
        """Wait for all that is with the provider."""
        while self._flying:
            self._land()

    def _make_room(self, wanted: int) -> ChannelDown | None:
        """Wait for the earliest groups until there is room for so many mails, and take all that have landed.

        What the provider says there against the channel as a whole.
        """
        down: ChannelDown | None = None
        while self._flying:
            full = sum(len(one.group) for one in self._flying) + wanted > self._desk.policy.group
            if not (full or len(self._flying) == AT_ONCE or self._flying[0].answers.done()):
                break
            down = self._land() or down
        return down

    def _land(self) -> ChannelDown | None:
        """Wait for the earliest group. What the provider says against the channel as a whole."""
        flying = self._flying.popleft()
        by_touch = {one.touch.id: one for one in flying.group}
        results: list[Result] = []
        most = self._desk.policy.group
        broken = [] if len(flying.group) <= most else [f"{len(flying.group)} intents for {most} slots"]
        for key, verdict in flying.answers.result():
            if key in by_touch:
                results.append((by_touch.pop(key), verdict))
            else:
                broken.append(f"a verdict on {key}, which was not handed over, or had its verdict")
        results += [(one, Maybe("the mailer gave no verdict")) for one in by_touch.values()]
        for _, verdict in results:
            self._desk.breaker.heard(verdict)
        self.landed.append(Unrecorded(results, flying.scene))
        if broken:
            with self._desk.store.unit() as work:
                stop(work, broken, self._desk.now)
                work.commit()
        return next((verdict for _, verdict in results if isinstance(verdict, ChannelDown)), None)

    def close(self) -> None:
        """End the thread. Nothing may be with the provider."""
        self._hands.shutdown()
