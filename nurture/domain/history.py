"""What happened to one lead, as conditions ask about it: clicked, replied, sent, visited, outcome, touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nurture.domain.response import Grade, Kind, Response
from nurture.domain.touch import CONTACTED, Channel, State, Touch

if TYPE_CHECKING:
    from nurture.domain.duration import Duration
    from nurture.domain.lead import CompanyId, Lead

# A touch that ended without a person's word is known by its state.
ENDED: Final = frozenset({State.DONE, State.EXPIRED, State.CANCELED, State.SKIPPED, State.FAILED})


def is_template(path: str, name: str) -> bool:
    """Whether a template path is what a condition calls `name`: the path itself or its last part."""
    return path == name or path.endswith("/" + name)


AFTER_PATH: Final = ("", "/", "?", "#")  # what may follow where a page is the one asked for, or one below it


def is_below(page: str, path: str) -> bool:
    """Whether a page is at this path or below it: `/pricing` has `/pricing/eu` and `/pricing?plan=2`, not `/prices`."""
    above = path.rstrip("/")
    return bool(page) and page.startswith(above) and page[len(above) : len(above) + 1] in AFTER_PATH


def beside(lead: Lead, stages: Mapping[CompanyId, Mapping[str, int]]) -> dict[str, int]:
    """How many colleagues of a lead are in each stage, by how many people of its company are."""
    if lead.company is None or lead.company.id not in stages:
        return {}
    counts = dict(stages[lead.company.id])
    counts[lead.stage.value] = counts.get(lead.stage.value, 0) - 1
    return counts


@dataclass(frozen=True, slots=True)
class LeadHistory:
    """One lead's touches and responses, seen at `now`. Implements the History of the condition language.

    `enrollment`: where a step is asked about, the enrollment in which it stands. `renamed`: what steps of its cadence
    were called before -> what they are called now.
    """

    now: datetime
    touches_made: Sequence[Touch] = ()
    responses: Sequence[Response] = ()
    enrollment: int | None = None
    colleagues_by_stage: Mapping[str, int] = field(default_factory=dict)
    cadence: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)

    def _human(self, kind: Kind) -> list[Response]:
        return [one for one in self.responses if one.kind is kind and one.grade is Grade.HUMAN]

    def _was_called(self, touch: Touch, name: str) -> bool:
        """Whether a touch was made by the step of this name when that was called otherwise."""
        return bool(self.renamed) and self.renamed.get(touch.step) == name and touch.cadence == self.cadence

    def clicked(self, template: str) -> bool:
        """A person followed a link of this e-mail."""
        clicks = {one.touch for one in self._human(Kind.CLICK)}
        return any(one.id in clicks and self._is_mail(one, template) for one in self.touches_made)

    def _is_mail(self, touch: Touch, template: str) -> bool:
        return is_template(touch.template, template) or self._was_called(touch, template)

    def replied(self) -> bool:
        """A person answered."""
        return bool(self._human(Kind.REPLY))

    def sent(self, template: str) -> bool:
        """This e-mail went out to the lead, or must be assumed to have."""
        return any(one.state in CONTACTED and self._is_mail(one, template) for one in self.touches_made)

    def visited(self, page: str) -> bool:
        """This page, or one below it, was visited."""
        return any(is_below(str(one.detail.get("page") or ""), page) for one in self._human(Kind.VISIT))

    def outcome(self, step: str) -> str | None:
        """How the latest touch of this step ended: by a person's word, else by its state (`expired`, `skipped`...)."""
        made = [one for one in self.touches_made if one.step == step or self._was_called(one, step)]
        own = [one for one in made if one.enrollment == self.enrollment] or made
        if not own:
            return None
        last = max(own, key=lambda one: one.created_at)
        return last.outcome or (last.state.value if last.state in ENDED else None)

    def touches(self, channel: str, within: Duration) -> int:
        """How many touches on this channel were made within a time before now."""
        since = self.now - within.span
        return sum(
            1
            for one in self.touches_made
            if one.channel == Channel(channel) and one.counted_at is not None and one.counted_at > since
        )

    def days_since(self, kind: str) -> float | None:
        """Days since the latest human response of this kind."""
        moments = [one.at for one in self._human(Kind(kind))]
        return (self.now - max(moments)).total_seconds() / 86_400 if moments else None

    def colleagues(self, stage: str) -> int:
        """How many other leads of the company are in this stage."""
        return self.colleagues_by_stage.get(stage, 0)
