"""What a person wrote in a reply, without the quote, the signature and the disclaimer below it; HTML as plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

LONGEST: Final = 20_000  # characters that are looked at; what people write themselves comes first
LONGEST_PARSED: Final = 3_000  # the library takes quadratic time: half a second for the worst text of this length
_LANGUAGES: Final = ["en", "de", "fr", "es", "it", "nl", "pt"]
_QUOTE: Final = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
# Where a quote begins that has no sign of its own; "On ... wrote:" may be broken over two lines.
_HEADERS: Final = re.compile(
    r"^[ \t]*(?:-{2,}[ ]?(?:original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|messaggio originale"
    r"|oorspronkelijk bericht|mensagem original|forwarded message|weitergeleitete nachricht)[ ]?-{2,}"
    r"|_{10,}|(?:from|von|de|da|van)[ ]?:[ ].{1,120}\n(?:.*\n)?(?:sent|gesendet|envoyé|enviado|inviato|verzonden|date"
    r"|datum|data|fecha|to|an|à|para|a|aan)[ ]?:.*"
    r"|(?:on|am|le|el|il|op|em|a)[ ][^\n]{5,120}\n?[^\n]{0,80}(?:wrote|schrieb[^\n:]{0,80}|a écrit|escribió"
    r"|ha scritto|schreef[^\n:]{0,80}|escreveu)[ ]?:[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_SIGNATURE: Final = re.compile(
    r"^(?:--[ ]?|__|sent from my .{1,40}|von meinem .{1,30} gesendet|envoyé de(?:puis)? mon .{1,30}"
    r"|enviado desde mi .{1,30}"
    r"|inviato da(?:l mio)? .{1,30}|verzonden vanaf mijn .{1,30}|enviado do meu .{1,30}"
    r"|get outlook for .{1,20})[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SEE_BELOW: Final = re.compile(
    r"\b(?:below|inline|in line|unten|im text|ci-dessous|abajo|más abajo|sotto|di seguito|hieronder|abaixo)\b",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """The new text of a reply; nothing where it only quotes.

    The library takes the quote for the reply where somebody answered with nothing above it, and leaves some quotes
    in; so what it returns is checked for the signs of a quote once more.
    """
    # Imported late: it compiles patterns of thirteen languages.
    from mailparser_reply import EmailReplyParser

    head = text[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    start = _HEADERS.search(head)
    above = head[: start.start()] if start else head
    above = _QUOTE.sub("", above)
    if not above.strip():
        return _below_quotes(head[start.start() :]) if start else ""
    own = ""
    if len(above) <= LONGEST_PARSED:
        replies = EmailReplyParser(languages=list(_LANGUAGES)).read(above).replies
        own = (replies[0].body or "") if replies else ""
    if not own.strip():
        own = above  # all of it was taken for a signature or header: better too much than nothing
    if cut := _SIGNATURE.search(own):
        own = own[: cut.start()] or own
    if start and _SEE_BELOW.search(own):
        own = f"{own}\n\n{_below_quotes(head[start.start() :])}"
    return re.sub(r"\n{3,}", "\n\n", own).strip()


def _below_quotes(quoted: str) -> str:
    """The answers of somebody who writes below or between what is quoted: lines after the last one with `>`."""
    lines = quoted.split("\n")
    marked = [number for number, line in enumerate(lines) if line.lstrip().startswith(">")]
    if not marked:
        return ""
    own = "\n".join(line for line in lines[marked[0] :] if not line.lstrip().startswith(">"))
    cut = _SIGNATURE.search(own)
    return (own[: cut.start()] if cut else own).strip()


class _Words(HTMLParser):
    """Collects the text of HTML. Quotes are marked with `>`, so that they are known as such afterwards."""

    BREAKS: Final = frozenset(
        ["p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "hr", "ul", "ol"]
    )
    HIDDEN: Final = frozenset(["script", "style", "head", "title"])
    VOID: Final = frozenset(
        ["br", "hr", "img", "meta", "link", "input", "area", "base", "col", "embed", "source", "track", "wbr"]
    )
    QUOTED: Final = re.compile(
        r"gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|protonmail_quote|appendonsend|divrplyfwdmsg|olk_src_body"
        r"|zmail_extra|x_gmail_quote|ms-outlook-mobile-reference",
        re.IGNORECASE,
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self._open: list[tuple[str, bool, bool]] = []  # tag, hides, quotes
        self._after_reference = False

    # What begins and never ends hides the rest, as in browsers. The library would look for an end again and again.

    def parse_comment(self, i: int, report: bool = True) -> int:
        return self._or_the_end(super().parse_comment(i, report))

    def parse_pi(self, i: int) -> int:
        return self._or_the_end(super().parse_pi(i))

    def parse_endtag(self, i: int) -> int:
        return self._or_the_end(super().parse_endtag(i))

    def _or_the_end(self, found: int) -> int:
        return len(self.rawdata) if found < 0 else found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = " ".join(value or "" for name, value in attrs if name in ("class", "id"))
        quotes = tag == "blockquote" or self.QUOTED.search(values) is not None
        if quotes and "appendonsend" in values.lower():
            self._after_reference = True  # Outlook puts an empty mark before the quote, not around it
        if tag in self.BREAKS:
            self._break()
        if tag not in self.VOID and len(self._open) < 2_000:
            self._open.append((tag, tag in self.HIDDEN, quotes))

    def handle_endtag(self, tag: str) -> None:
        for number in range(len(self._open) - 1, max(-1, len(self._open) - 50), -1):
            if self._open[number][0] == tag:
                if tag in self.BREAKS:
                    self._break()
                del self._open[number:]
                return

    def handle_data(self, data: str) -> None:
        if any(hides for _, hides, _ in self._open):
            return
        if (
            not self.lines[-1]
            and data.strip()
            and (self._after_reference or any(quotes for _, _, quotes in self._open))
        ):
            self.lines[-1] = "> "
        self.lines[-1] += re.sub(r"\s+", " ", data)

    def _break(self) -> None:
        if self.lines[-1].strip() or (len(self.lines) > 1 and self.lines[-2].strip()):
            self.lines.append("")


def text_of_html(html: str) -> str:
    """The text of HTML, its quotes marked with `>`. Never raises: what cannot be read is left out."""
    words = _Words()
    try:
        words.feed(html[: 20 * LONGEST])
        words.close()
    except (AssertionError, ValueError, RecursionError):
        pass  # broken markup: what was read so far is what there is
    return "\n".join(line.strip() for line in words.lines).strip()
