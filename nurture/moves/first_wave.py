"""Begin the first wave of new and changed e-mails, and let one that is held go on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.wave import Wave

if TYPE_CHECKING:
    from nurture.ports import Unit


def announce(work: Unit, templates: Collection[str], *, now: datetime) -> None:
    """These e-mails are new or changed: a few mails of each go first. Whoever waited for an older text asks anew."""
    work.pacing.put_waves([Wave(template, now) for template in sorted(templates)])
    for template in sorted(templates):
        work.pacing.wake_wave(template, now)


def let_go_on(work: Unit, templates: Collection[str], *, now: datetime) -> list[str]:
    """End the first waves of these e-mails that are held: a person looked, and the rest may follow."""
    held = [one.template for one in work.pacing.waves(templates=templates).values() if one.held]
    work.pacing.end_waves(held)
    for template in held:
        work.pacing.wake_wave(template, now)
    return held
