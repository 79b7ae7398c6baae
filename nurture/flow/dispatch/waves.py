"""First waves that were watched for long enough: the rest follows, or is held with an alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from nurture.domain.policy import Policy
from nurture.domain.wave import Wave, verdict
from nurture.moves.pressure import Pressure
from nurture.ports import Unit
from nurture.ports.store import Change

# A slot that nobody came for this long after it (its enrollment is paused, or over) holds nothing back any more.
KEPT: Final = timedelta(days=2)


def look(work: Unit, pressure: Pressure) -> None:
    """Judge the first waves whose watch is over, and let a pass know what is held back and handed out."""
    policy, now = pressure.policy, pressure.now
    assert now is not None
    pressure.read(work)
    over = {name for name, wave in pressure.waves.items() if _is_over(wave, policy, now)}
    if over:
        for wave in work.pacing.waves(templates=over, lock=True).values():
            if _is_over(wave, policy, now):
                _judge(work, wave, policy, now)
    if pressure.anything_held:
        work.pacing.sweep(now - KEPT)
    if over:
        pressure.read(work)


def _is_over(wave: Wave, policy: Policy, now: datetime) -> bool:
    """Whether it was watched for long enough, or needs no more mails: the setting may be smaller than when it began."""
    if wave.held or not policy.first_wave:
        return not wave.held
    return len(wave.mails) >= policy.first_wave if wave.watch_until is None else wave.watch_until <= now


def _judge(work: Unit, wave: Wave, policy: Policy, now: datetime) -> None:
    if not policy.first_wave:
        _let_follow(work, wave, "first waves are turned off, the rest follows", now)
        return
    if wave.watch_until is None:
        work.pacing.put_waves([replace(wave, watch_until=now + policy.first_wave_watch)])
        return
    out = work.pacing.out(wave.mails)
    if len(out) < min(policy.first_wave, len(wave.mails)):
        # Some of them were refused in the end: others go first in their place.
        work.pacing.put_waves([replace(wave, mails=tuple(out), watch_until=None)])
        work.pacing.wake_wave(wave.template, now)
        return
    problem = verdict(work.pacing.answers(out))
    if not problem:
        _let_follow(work, wave, "the first mails did well, the rest follows", now)
        return
    work.pacing.put_waves([replace(wave, held=problem)])
    text = f"{wave.template} is held: {problem}. Apply a corrected text, or resume its cadence."
    work.notes.add([Change("first_wave_held", text, now, by="daemon")])
    payload = {"subject": f"{wave.template} is held after its first mails", "text": text}
    key = f"first wave:{wave.template}:{wave.since.isoformat()}"
    work.sales.deliver(key=key, kind="alert", to="", payload=payload, at=now)


def _let_follow(work: Unit, wave: Wave, because: str, now: datetime) -> None:
    """It is over: whoever waits for it is looked at now."""
    work.pacing.end_waves([wave.template])
    work.pacing.wake_wave(wave.template, now)
    work.notes.add([Change("first_wave", f"{wave.template}: {because}", now, by="daemon")])
