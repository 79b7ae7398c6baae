"""Offer -> accepted, or rejected with a reason and recycled; then contacted, won or lost; and every deadline."""

from nurture.flow.handoff.answers import (
    Answered,
    Colleagues,
    Desk,
    accept,
    brief,
    contacted,
    due_words,
    listed,
    lost,
    money,
    named,
    reject,
    rows,
    won,
)
from nurture.flow.handoff.deadlines import deadlines, returns
from nurture.flow.handoff.outcomes import Told, tell

__all__ = [
    "Answered",
    "Colleagues",
    "Desk",
    "Told",
    "accept",
    "brief",
    "contacted",
    "deadlines",
    "due_words",
    "listed",
    "lost",
    "money",
    "named",
    "reject",
    "returns",
    "rows",
    "tell",
    "won",
]
