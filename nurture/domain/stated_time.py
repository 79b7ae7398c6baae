"""The time that somebody states in words: a date where there is one, else the sentence for a person to judge."""

from __future__ import annotations

from datetime import date, timedelta


def decision_date(text: str, today: date) -> date | None:
    """The date that a timeline names: an ISO date or month, `Q3 2027`, `6 months`. None where it names none."""
    words = text.strip().casefold()
    try:
        return date.fromisoformat(words)
    except ValueError:
        pass
    parts = words.replace("in ", "").split()
    if len(parts) == 2 and parts[0].isdigit() and parts[1].rstrip("s") in ("month", "week", "day", "year"):
        days = {"month": 30.4375, "week": 7, "day": 1, "year": 365.25}[parts[1].rstrip("s")]
        return today + timedelta(days=min(round(int(parts[0]) * days), 36_500))
    if len(parts) == 2 and parts[0] in ("q1", "q2", "q3", "q4") and parts[1].isdigit() and len(parts[1]) == 4:
        return date(int(parts[1]), 3 * int(parts[0][1]) - 2, 1)
    if len(words) == 7 and words[4] == "-" and words[:4].isdigit() and words[5:].isdigit():
        month = int(words[5:])
        return date(int(words[:4]), month, 1) if 1 <= month <= 12 else None
    return None
