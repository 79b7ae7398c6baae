"""A brief as plain text: for a terminal, and for the text part of a mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any, Final

from nurture.adapters.salesdesk.words import ASK, CONTRADICTED, MISSING, clock, day, origin, signed

WIDTH: Final = 78


def plain_text(brief: Mapping[str, Any], *, entries: int | None = None) -> str:
    """The brief, wrapped for a screen. `entries`: how many of the history, the latest first; None is all."""
    return "\n".join(_lines(brief, entries)).rstrip() + "\n"


def _lines(brief: Mapping[str, Any], entries: int | None) -> Iterator[str]:
    zone = brief["timezone"]
    name = brief["name"] + (f", {brief['company']}" if brief["company"] else "")
    yield name
    yield "=" * min(len(name), WIDTH)
    who = [brief["title"], brief["phone"] or "phone unknown", brief["email"]]
    yield from _wrapped(" | ".join(part for part in who if part))
    yield ""
    yield from _wrapped(f"Do they expect your call? {brief['expects_call']}")
    if brief["do_not_call"]:
        yield "DO NOT CALL: they asked not to be called; write to them."
    yield from _heading("Why now")
    for reason in brief["why_now"] or ["No reason is recorded."]:
        yield from _item(reason)
    for section in brief["sections"]:
        yield from _heading(section["title"])
        yield from _section(section, zone)
    if brief["colleagues"]:
        yield from _heading("Others we know at the company")
        for colleague in brief["colleagues"]:
            yield from _item(colleague)
    yield from _heading(f"Score {brief['score']:.0f}, {brief['stage'].replace('_', '-')}")
    for line in brief["ledger"]:
        made = f" ({signed(line['points'])} on {day(line['at'], zone)})" if line["at"] else ""
        yield from _item(f"{signed(line['worth'])}  {line['because']}{made}")
    yield from _history(brief["history"], zone, entries)


def _section(section: Mapping[str, Any], zone: str) -> Iterator[str]:
    if not section["known"]:
        yield from _item(ASK)
    elif section["contradicted"]:
        yield from _item(CONTRADICTED)
    if section["name"] == "company_profile" and section["statements"]:
        yield from _item("; ".join(one["text"] for one in section["statements"]))
        return
    for statement in section["statements"]:
        yield from _item(f"{statement['text']} ({origin(statement, zone)})")
    if section.get("missing"):
        yield from _item(f"{MISSING} {', '.join(section['missing'])}.")


def _history(history: Sequence[Mapping[str, Any]], zone: str, entries: int | None) -> Iterator[str]:
    yield from _heading("Everything that happened" if entries is None else "What happened last")
    latest = list(reversed(history))
    for entry in latest[:entries]:
        machine = " (a machine)" if entry["grade"] in ("machine", "likely_machine") else ""
        yield from _item(f"{clock(entry['at'], zone)}: {entry['text']}{machine}")
    if not latest:
        yield from _item("Nothing yet.")
    if entries is not None and len(latest) > entries:
        yield f"  and {len(latest) - entries} more in the whole brief"


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield text
    yield "-" * len(text)


def _item(text: str) -> Iterator[str]:
    yield from _wrapped(" ".join(text.split()), first="- ", others="  ")


def _wrapped(text: str, *, first: str = "", others: str = "") -> list[str]:
    return fill(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False
    ).splitlines()
