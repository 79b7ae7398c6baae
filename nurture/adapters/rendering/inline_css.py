"""The rules of <style> moved into style attributes, once for each shape of an e-mail and not once per lead."""

from __future__ import annotations

from typing import Final

import css_inline

from nurture.adapters.rendering.names import MARK

# What can be inlined leaves <style>; media queries and :hover stay. Nothing is ever fetched.
_INLINER: Final = css_inline.CSSInliner(
    keep_style_tags=True, remove_inlined_selectors=True, load_remote_stylesheets=False, keep_link_tags=True
)


def inlined(html: str) -> str:
    """The page with its CSS in style attributes; unchanged where it has none, or CSS that cannot be read."""
    if "<style" not in html:
        return html
    try:
        return _INLINER.inline(html)
    except css_inline.InlineError:
        return html  # clients that read <style> still show it; `check` names the cause


def pieces(shape: str) -> tuple[str | int, ...]:
    """A shape (HTML in which numbers stand for values) with its CSS inlined: texts and numbers in turn.

    Where inlining would lose a value, the shape stays as it was written.
    """
    html = inlined(shape)
    if set(MARK.findall(html)) != set(MARK.findall(shape)):
        html = shape
    parts = MARK.split(html)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))


def readable(css: str) -> bool:
    """Can these rules be inlined?"""
    try:
        _INLINER.inline_fragment("<p></p>", css)
    except css_inline.InlineError:
        return False
    return True
