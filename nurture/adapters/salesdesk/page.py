"""A brief as one HTML page: self-contained, printable, readable by a screen reader and on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from nurture.adapters.salesdesk.words import templates


def page(brief: Mapping[str, Any], *, actions: str = "", nonce: str = "") -> str:
    """The whole page. `actions` is HTML (a form to accept or reject), put below the summary as it is.

    `nonce`: of the content security policy, for the style sheet in the page.
    """
    return templates().get_template("page.html").render(brief=brief, actions=Markup(actions), nonce=nonce)


def article(brief: Mapping[str, Any], *, actions: str = "") -> str:
    """Only the article, for a page that brings its own head and styles."""
    return templates().get_template("article.html").render(brief=brief, actions=Markup(actions))
