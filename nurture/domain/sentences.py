"""Text -> sentences, as a promise quotes them: hard-wrapped lines joined, dates and abbreviations left whole."""

from __future__ import annotations

import re
from typing import Final

_PARAGRAPH: Final = re.compile(r"\n[ \t]*\n+|\n(?=[ \t]*[-*•] )")
# Not after a number ("12. Januar") nor after a short word with a dot ("Sept. 3", "z. B.", "Mr. Smith").
_END: Final = re.compile(
    r"(?<=[^\s\d.][^\s\d.][^\s\d.][^\s\d.][.!?])\s+|(?<=[!?])\s+|(?<=[^\s\d.]\.)\s+(?=[A-ZÀ-Ý¿¡][a-zà-ÿ]+\s[a-zà-ÿ])"
)
_GREETING: Final = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|day)|hallo|guten (?:tag|morgen)|moin|sehr geehrte[rs]?|liebe[rs]?"
    r"|bonjour|bonsoir|cher|chère|hola|buen[oa]s (?:d[ií]as|tardes)|estimad[oa]|ciao|buongiorno|gentile|salve"
    r"|beste|geachte|dag|ol[aá]|bom dia|boa tarde|prezad[oa]|caro|cara)\b[^,!.\n]{0,40}[,!.]\s*",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, each on one line and without a greeting before it."""
    found = []
    for paragraph in _PARAGRAPH.split(text):
        line = _GREETING.sub("", " ".join(paragraph.split()))
        found += [one.strip() for one in _END.split(line) if one.strip()]
    return found
