"""The page around charts and tables: one HTML file, for light and dark screens and print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

LONG: Final = 28  # letters; a longer cell is broken into lines
SENTENCE: Final = 84  # letters; a longer cell gets twice the room
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --back: #f3f5f4; --ink: #1c2629; --dim: #55636a; --line: #d5dcda;
  --accent: #0b6145; --c1: #0b6e4f; --c2: #d98b1f; --c3: #5b6abf; --c4: #b04a6b; --c5: #3d9bb3; --c6: #8a8f94; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1b2225; --back: #12181a; --ink: #e7ecea; --dim: #a3b0b4; --line: #354045; --accent: #6fd3ae;
    --c1: #3fae86; --c2: #e3a649; --c3: #8f9cf0; --c4: #d97f9c; --c5: #63c0d8; --c6: #9aa3a8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.55 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 0 0 .8rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: 0 0 .8rem; }
.lead { color: var(--dim); font-size: 1.05rem; max-width: 46rem; }
main > section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.4rem; margin: 1.2rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.tiles div { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; }
.tiles b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--dim); font-size: .9rem; }
figure { margin: 0 0 1rem; }
figcaption { font-weight: 600; margin: 0 0 .5rem; }
.bars { display: grid; grid-template-columns: max-content 1fr; gap: .6rem; align-items: center; margin: 0 0 .8rem;
  font-size: .9rem; }
.bars p { margin: 0; text-align: right; }
.bar { display: flex; align-items: center; white-space: nowrap; font-variant-numeric: tabular-nums; }
.bar i { background: var(--c1); height: 1.4rem; min-width: 2px; margin-right: .5rem; border-radius: 2px;
  print-color-adjust: exact; }
figure .wide > svg { width: 100%; min-width: 34rem; height: auto; display: block; margin: 0 0 .5rem; }
svg text { font: 12px -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: var(--ink); }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; } svg .small { font-size: 11px; fill: var(--dim); }
svg .value { font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .part { stroke: var(--paper); stroke-width: 1; }
svg .limit { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 6 4; }
.c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
.c4 { fill: var(--c4); } .c5 { fill: var(--c5); } .c6 { fill: var(--c6); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; padding: 0; margin: 0 0 .5rem;
  font-size: .9rem; }
.legend svg { margin-right: .4rem; vertical-align: -1px; }
.note, .dim { color: var(--dim); font-size: .9rem; }
.wide { overflow-x: auto; background:
  linear-gradient(90deg, var(--paper) 40%, transparent) 0 / 3rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 40%, transparent) 100% / 3rem 100% no-repeat local,
  linear-gradient(90deg, var(--line), transparent) 0 / 1rem 100% no-repeat,
  linear-gradient(270deg, var(--line), transparent) 100% / 1rem 100% no-repeat; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } thead th { color: var(--dim); font-weight: 500; }
.wide td { white-space: nowrap; } .wide td.long { white-space: normal; min-width: 9rem; }
.cards td { white-space: normal; min-width: 6rem; } .cards td.sentence { min-width: min(18rem, 60vw); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--accent); font-size: .9rem; }
details table { width: auto; margin: .4rem 0; }
.call { border-left: 4px solid var(--accent); padding: .5rem .9rem; background: var(--back); font-weight: 600; }
.unknown { color: var(--dim); font-style: italic; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0;
  font: .85rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
ul, ol { margin: 0 0 .8rem; padding-left: 1.3rem; }
footer { color: var(--dim); font-size: .9rem; }
.brief > article > section { margin: 1.4rem 0 0; }
.brief h1 { font-size: 1.25rem; } .brief h2 { font-size: 1.05rem; margin: 0 0 .4rem; } .brief h3 { margin: 0; }
.brief p, .brief ul { margin: .2rem 0; } .brief .quiet, .brief .origin { color: var(--dim); font-size: .9rem; }
.brief .expects { border-left: 4px solid var(--accent); padding: .5rem .9rem; background: var(--back); }
.brief .expects strong, .brief .origin { display: block; } .brief a { color: var(--accent); overflow-wrap: anywhere; }
.facts > section { display: grid; grid-template-columns: 11rem 1fr; gap: .2rem 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
.facts ul { list-style: none; padding: 0; } .facts li { white-space: pre-line; overflow-wrap: anywhere; }
.brief .origin { white-space: normal; } .brief th, .brief td { overflow-wrap: anywhere; } .when { white-space: nowrap; }
@media (max-width: 40rem) {
  .bars { grid-template-columns: 1fr; gap: .1rem; } .bars p { text-align: left; margin-top: .5rem; }
  .facts > section { grid-template-columns: 1fr; } .brief .points { display: none; }
  .cards table, .cards tbody, .cards tr, .cards td { display: block; } .cards thead { display: none; }
  .cards tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  .cards td { display: grid; grid-template-columns: 6rem 1fr; gap: .5rem; padding: .15rem 0; border: 0;
    text-align: left; white-space: normal; overflow-wrap: anywhere; }
  .cards td::before { content: attr(data-head); color: var(--dim); } .cards td:empty { display: none; }
}
@media print { body { background: none; } section, .tiles div { break-inside: avoid; } }
"""


def page(title: str, lead: str, parts: Sequence[str], *, footer: str = "") -> str:
    """The whole document. `parts` are HTML already; the rest is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is fetched and nothing runs, whatever a lead's name may hold.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p></header>\n'
        + "\n".join(parts)
        + (f"\n<footer><p>{escape(footer)}</p></footer>" if footer else "")
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A part of the page under a heading; `parts` are HTML."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, kind: str = "") -> str:
    """Text as a paragraph."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def items(lines: Sequence[str]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in lines) + "</ul>"


def tiles(values: Mapping[str, str]) -> str:
    """The few numbers that matter most: label -> number."""
    return (
        '<div class="tiles">'
        + "".join(f"<div><b>{escape(value)}</b><span>{escape(label)}</span></div>" for label, value in values.items())
        + "</div>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, numbers: frozenset[int] = frozenset()) -> str:
    """A table; the columns in `numbers` (counted from 0) are set to the right.

    Wider than the screen, it scrolls; one with sentences in it is read row by row on a phone.
    """

    def cell(tag: str, place: int, value: Any) -> str:
        text = "" if value is None else str(value)
        length = "sentence" if len(text) > SENTENCE else "long" if len(text) > LONG else ""
        kind = "number" if place in numbers else length
        marked = f' class="{kind}"' if kind else ""
        named = f' data-head="{escape(head[place], quote=True)}"' if tag == "td" else ""
        return f"<{tag}{marked}{named}>{escape(text)}</{tag}>"

    top = "".join(cell("th", place, one) for place, one in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", place, one) for place, one in enumerate(row)) + "</tr>" for row in rows)
    kind = "wide cards" if any(len(str(one)) > LONG for row in rows for one in row) else "wide"
    return f'<div class="{kind}"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
