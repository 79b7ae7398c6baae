"""Who takes part in a purchase, as far as what was said tells, and who is still missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# The roles of a buying group, as one asks for them, and the words by which people and titles show them.
ROLES: Final[dict[str, re.Pattern[str]]] = {
    "who signs": re.compile(
        r"\b(sign(s|ed|ing)?|approv\w*|budget holder|pays|cfo|ceo|chief (financial|executive)|finance|owner|board"
        r"|managing director|president)\b"
    ),
    "who decides on the technology": re.compile(
        r"\b(decid\w*|evaluat\w*|technolog\w*|technical\w*|engineer\w*|cto|it (manager|director|lead))\b"
    ),
    "who works with it": re.compile(
        r"\b(us(es|er|ers|ing)|operat\w*|maintenance|plant manager|facilit\w*|shift|works with it)\b"
    ),
    "who stands up for us": re.compile(
        r"\b(champion|sponsor|advocate|supporter|(?<!not )(for us|in favou?r|convinced|positive|enthusiastic))\b"
    ),
}


def missing_roles(statements: Iterable[str], titles: Iterable[str] = ()) -> tuple[str, ...]:
    """The roles that nobody is known for. `statements`: what was said of people; `titles`: of those we know."""
    texts = [text.casefold() for text in (*statements, *titles)]
    return tuple(role for role, words in ROLES.items() if not any(words.search(text) for text in texts))
