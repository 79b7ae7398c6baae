"""What the tags of an e-mail get wrong: links that lead nowhere, images that say nothing, what mail clients remove."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

LETTER: Final = "J"  # stands for each letter of Jinja's
CODE: Final = 4 * LETTER.lower()  # so it begins, in small letters


class Tags(HTMLParser):
    """Finds links that lead nowhere, images that say nothing, and tags that mail clients throw away."""

    def __init__(self, *, counted: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.counted = counted  # whether clicks are of interest: not those in the footer
        self.found: list[tuple[int, int, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            target = given.get("href", "").strip().lower()
            if target in ("", "#"):
                self._add("a link without a target")
            elif target.startswith(("javascript:", "data:", "vbscript:")):
                self._add("a link may lead to http, https, mailto or tel only")
            elif not re.match(rf"{CODE}|#|[a-z][a-z0-9+.-]*:", target):
                self._add(f"{target[:60]!r} leads nowhere from a mail: write the whole address, https://...")
            elif self.counted and target.startswith("http"):
                self._add("a click here is not seen: write href=\"{{ link('https://...') }}\"", "warning")
        elif tag == "img":
            source = given.get("src", "").strip().lower()
            if "alt" not in given:
                self._add('an image without alt text; write alt="" when it is decoration')
            if not source.startswith((CODE, "http://", "https://", "data:")):
                self._add("an image is fetched when the mail is read: write its whole address, https://...")
        elif tag in ("script", "iframe", "object", "embed", "form"):
            self._add(f"mail clients remove <{tag}>")
        elif tag == "link" and "stylesheet" in given.get("rel", ""):
            self._add("style sheets are not fetched; write the rules into <style>")
        for name in ("class", "style"):
            if CODE in given.get(name, "").lower():
                self._add(f"a computed {name} may miss the rules of <style>, which are inlined once", "warning")

    handle_startendtag = handle_starttag

    def _add(self, message: str, severity: str = "error") -> None:
        line, column = self.getpos()
        self.found.append((line, column + 1, message, severity))
