"""A small set of templates and two leads: one with every field, one with none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from nurture.adapters.rendering import RenderedEmail, Templates
from nurture.adapters.rendering.names import LEAD

LAYOUT: Final = """<!DOCTYPE html>
<html lang="en"><head><title>{{ subject }}</title>
<style>p { color: red } .card td { padding: 1px } a:hover { color: blue }
@media (max-width: 600px) { .card { width: 100% !important } }</style></head>
<body><div>{{ preheader }}</div>{% block body %}{% endblock %}
<a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</body></html>
"""
FRONT: Final = "---\nsubject: A note\npreheader: Short\n---\n"
FOOTER: Final = "\n{{ unsubscribe_url }}\n{{ postal_address }}\n"

_COMMON: Final[dict[str, Any]] = {
    "email": "dana@acme.example",
    "status": "nurturing",
    "stage": "unknown",
    "sender": {"name": "Cal", "email": "cal@acme.example", "phone": None},
    "unsubscribe_url": "https://n.example/u/1",
    "preferences_url": "https://n.example/p/1",
    "postal_address": "Acme & Co, 1 Road",
}
SPARSE: Final[dict[str, Any]] = {name: None for name in LEAD if name != "x"} | _COMMON
RICH: Final[dict[str, Any]] = (
    {name: f"some {name}" for name in LEAD if name != "x"}
    | _COMMON
    | {
        "first_name": "Dana",
        "last_name": "O'Neil <b>",
        "company": "Smith & Sons",
        "employees": 12500,
        "revenue": 1_000_000.0,
        "score": 42.5,
        "timeline_months": 3.0,
        "asked_for_sales": True,
        "created_at": datetime(2026, 3, 9, 15, 4, tzinfo=UTC),
        "x": {"program": "blue", "since": date(2026, 11, 2)},
    }
)


def tracked(target: str) -> str:
    """A tracked URL, as the flow would make one."""
    return f"https://n.example/c/{len(target)}"


def email(
    html: str, text: str = "Hello", *, front: str = FRONT, names: dict[str, Any] = RICH, **more: str
) -> RenderedEmail:
    """One e-mail from the two parts; `more` are other files, dots written as underscores."""
    return templates(html, text, front=front, **more).email("notes/one", names, tracked)


def templates(html: str, text: str = "Hello", *, front: str = FRONT, **more: str) -> Templates:
    """A set with one e-mail, notes/one, and the layout."""
    files = {f"layouts/{name.replace('_', '.')}": source for name, source in more.items()}
    return Templates({"notes/one.html": front + html, "notes/one.txt": text, "layouts/default.html": LAYOUT} | files)


def in_layout(body: str) -> str:
    """A body that extends the layout."""
    return f"{{% extends 'layouts/default.html' %}}\n{{% block body %}}{body}{{% endblock %}}\n"
