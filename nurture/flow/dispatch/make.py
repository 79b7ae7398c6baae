"""What goes now is made: mails are begun as they are decided, tasks are handed out, webhooks are told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Final

from nurture.domain import touch
from nurture.domain.cadence import Email, PersonTask
from nurture.domain.changed import changed
from nurture.domain.draft import Draft, Rendered, Unrendered
from nurture.domain.errors import NurtureError, mistake, places
from nurture.domain.lead import LeadId
from nurture.domain.touch import Event, Reason, State, Touch, TouchId
from nurture.flow.dispatch import decide
from nurture.flow.dispatch.checked import BrokenRowError, check_row
from nurture.flow.dispatch.decide import Decision
from nurture.flow.dispatch.mistakes import LATER, note
from nurture.moves.rendering import SenderError, draft_of, render, render_script
from nurture.moves.scene import Scene
from nurture.ports import Links
from nurture.ports.rules import Begun, Renderer

TOGETHER: Final = 32  # drafts that are handed to the renderer at once
WORTH_IT: Final = 128  # mails that are waited for, so that a commit is for many


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A decision to send, with what it sends."""

    decision: Decision
    touch: Touch
    rendered: Rendered


@dataclass(slots=True)
class Making:
    """The mails of one batch: their rendering goes on while others are decided, and while earlier ones are sent.

    Only where others of the batch share a limit with a mail is it waited for: if it fails, it takes no place of theirs.
    """

    scene: Scene
    renderer: Renderer
    links: Links
    shared: Collection[LeadId]  # who is in the batch twice, or with colleagues
    mails: list[tuple[Decision, Touch]] = field(default_factory=list)
    _drafts: list[Draft] = field(default_factory=list)
    _begun: list[tuple[Begun, int]] = field(default_factory=list)  # with the number of their mails
    _made: dict[TouchId, Rendered] = field(default_factory=dict)
    _coming: Iterator[Rendered | Unrendered] = field(default_factory=lambda: iter(()))
    _asked: int = 0  # how many of those were given out

    def take(self, decision: Decision) -> None:
        """Begin a mail. A task or a webhook is settled right here."""
        planned = decision.go
        assert planned is not None
        try:
            if isinstance(decision.step, Email):
                draft = draft_of(planned, decision.lead, self.scene)
                if decision.lead.id in self.shared:
                    self._made[planned.id] = render(draft, self.scene.rules.templates, self.links)
                else:
                    self._drafts.append(draft)
                self.mails.append((decision, planned))
                self.scene.keep(changed(planned, counted_at=self.scene.now))  # so that those decided next see it
                if len(self._drafts) == TOGETHER:
                    self._begin()
            elif isinstance(decision.step, PersonTask):
                task = _handed_out(planned, decision.step, decision, self.scene)
                _settle(decision, planned, task, self.scene, next_at=task.expires_at)
            else:
                told = replace(planned, state=State.SENT, sent_at=self.scene.now, counted_at=None)
                _settle(decision, planned, told, self.scene, next_at=self.scene.now)
        except SenderError as problem:
            # No lead is at fault: wait until the settings name a sender.
            waiting = replace(planned, reason=Reason.MAILER_PAUSED, because=str(problem), counted_at=None)
            _settle(decision, planned, waiting, self.scene, next_at=self.scene.now + decide.LOOK_AGAIN)
        except NurtureError as problem:
            _park(decision, planned, str(problem), self.scene)
        except Exception as problem:  # noqa: BLE001  whatever we stumble over with one lead, the others go on
            _put_off(decision, planned, mistake(problem), self.scene, where=places(problem))

    def groups(self, size: int) -> Iterator[Sequence[tuple[Decision, Touch]]]:
        """The mails in groups of at most so many, those that are made first; one empty group where there is none."""
        self._begin()
        self._coming = chain.from_iterable(begun for begun, _ in self._begun)
        left = self.mails
        while True:
            many = self._ready(left[:size])
            yield left[:many]
            left = left[many:]
            if not left:
                return

    def _ready(self, group: Sequence[tuple[Decision, Touch]]) -> int:
        """How many of a group go now: up to the first that is not made yet, but no fewer than are worth a commit."""
        there = 0
        for begun, mails in self._begun:
            if not begun.is_ready:
                break
            there += mails
        for many, (_, planned) in enumerate(group):
            if planned.id not in self._made:
                if self._asked >= there and many >= WORTH_IT:
                    return many
                self._asked += 1
        return len(group)

    def made(self, group: Sequence[tuple[Decision, Touch]]) -> list[Outgoing]:
        """The next group's mails. One that cannot be made for its lead is parked with the reason, and no other."""
        outgoing = []
        for decision, planned in group:
            mail = self._made.pop(planned.id, None) or next(self._coming)
            try:
                if isinstance(mail, Rendered):
                    check_row(planned, mail.message)
                    outgoing.append(Outgoing(decision, planned, mail))
                    continue
                if mail.mistake:
                    _put_off(decision, planned, mail.because, self.scene)
                    continue
                because = mail.because
            except BrokenRowError as broken:
                because = str(broken)
            _park(decision, planned, because, self.scene)
        return outgoing

    def _begin(self) -> None:
        if self._drafts:
            begun = self.renderer.begin(self._drafts, self.scene.rules.templates)
            self._begun.append((begun, len(self._drafts)))
            self._drafts = []


def _park(decision: Decision, planned: Touch, because: str, scene: Scene) -> None:
    state = touch.moved(planned.state, Event.NEVER)
    failed = replace(planned, state=state, reason=Reason.RENDER, because=because, counted_at=None)
    _settle(decision, planned, failed, scene, next_at=scene.now)


def _put_off(decision: Decision, planned: Touch, what: str, scene: Scene, *, where: Sequence[str] = ()) -> None:
    """The program stumbled over it: no lead and no template is at fault, and nothing is lost."""
    note(decision.after, what, where=where)
    decision.mistake = what
    waiting = replace(planned, reason=Reason.RENDER, because=LATER.format(what=what), counted_at=None)
    _settle(decision, planned, waiting, scene, next_at=scene.now + decide.LOOK_AGAIN)


def _handed_out(planned: Touch, step: PersonTask, decision: Decision, scene: Scene) -> Touch:
    """The task, open, with its script."""
    return replace(
        planned,
        state=touch.moved(planned.state, Event.HAND_OUT),
        reason=None,
        because="",
        script=render_script(planned, decision.lead, scene, ask=step.ask),
        ask=step.ask,
        assigned=step.assign,
        expires_at=decide.expires_at(step, decision.lead, scene),
    )


def _settle(decision: Decision, was: Touch, now: Touch, scene: Scene, *, next_at: datetime | None) -> None:
    """Put the final shape of a touch into the decision, in the place of the planned one."""
    scene.keep(now)
    decision.put(was, now)
    decision.after = replace(decision.after, next_at=next_at)
    decision.go = None
