"""The time that somebody states in words: a date where there is one, else the sentence for a person to judge.

English, German, French, Spanish, Italian, Dutch and Portuguese, all at once: people mix them, and a word that names a
month in one of them hardly means another thing in the next. What is not certain is flagged `vague`, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from nurture.domain.date_words import Found, Moment, found_in
from nurture.domain.sentences import sentences
from nurture.domain.time_words import folded

LONGEST: Final = 20_000  # characters that are read; nobody states a time after that
_FARTHEST_RETURN: Final = timedelta(days=400)
_BACK: Final = re.compile(
    r"\b(?:until|till|til|through|thru|back|return\w*|away|out of|from|again|available"
    r"|bis|zuruck|wieder|ab dem|abwesend|abwesenheit|vom|urlaub"
    r"|jusqu\w*|retour|revien\w*|absente?|conges?|joignable"
    r"|hasta|vuelt\w*|vuelv\w*|volver\w*|regres\w*|reincorpor\w*|ausente|fuera"
    r"|fino|rientr\w*|torn[ao]\w*|assente|ferie|fuori"
    r"|tot|terug|afwezig\w*|vanaf|vakantie"
    r"|ate|regress\w*|volt\w*|retorn\w*|ferias)\b"
)
# Speaks of getting in touch, deciding, waiting: the sentence whose date is an appointment and no memory.
CUE: Final = re.compile(
    r"\b(?:call|contact|reach|try|touch base|talk|speak|get back|check|follow|ping|revisit|circle|reconnect|wait|again"
    r"|decid\w*|decision|plan\w*|budget\w*|until|not before|after|look at|look into|come back|write|reply|e-?mail"
    r"|remind|schedule|meet"
    r"|meld\w*|anruf\w*|ruf\w*|kontakt\w*|sprech\w*|wieder|nochmals?|noch einmal|erneut|warten|ab|erst"
    r"|rappel\w*|recontact\w*|contact\w*|reven\w*|relanc\w*|reparl\w*|attend\w*|ecri\w*|appel\w*"
    r"|llam\w*|habl\w*|escrib\w*|vuelv\w*|volver\w*|retom\w*|esper\w*|contact\w*"
    r"|chiam\w*|contatt\w*|risent\w*|sentir\w*|scriv\w*|aspett\w*|ricontatt\w*|ripar\w*"
    r"|bel|bellen|terug\w*|neem|opnieuw|wacht\w*|spreken|mail"
    r"|lig\w*|contat\w*|falar|fale\w*|volt\w*|retorn\w*|aguard\w*|escrev\w*)\b"
)


@dataclass(frozen=True, slots=True)
class StatedTime:
    """A stated time. `on` is None where it is vague: then the sentence is all there is."""

    on: date | None
    sentence: str
    vague: bool = False


def stated(
    text: str,
    today: date,
    *languages: str,
    country: str | None = None,
    fiscal_year_start: tuple[int, int] = (1, 1),
) -> StatedTime | None:
    """The time that a text asks for; None where it names none.

    A month, a quarter or a season means its first business day in `country`; without a year, the next one to come.
    `languages` (ISO codes) say how `3/4/2027` is meant where nothing else does; unknown, such a date is vague.
    """
    moment = Moment(today, country, fiscal_year_start, _day_first(languages))
    dated: list[tuple[bool, StatedTime]] = []
    vague: StatedTime | None = None
    for sentence in sentences(text[:LONGEST]):
        words = folded(sentence)
        found = found_in(words, moment)
        certain = next((one.on for one in found if one.on is not None), None)
        if certain is not None:
            dated.append((CUE.search(words) is None, StatedTime(certain, sentence)))
        elif found and vague is None:
            vague = StatedTime(None, sentence, vague=True)
    # "We met in March. Call me in September": the sentence that asks for something is the one that counts.
    return min(dated, key=lambda one: one[0])[1] if dated else vague


def return_date(text: str, today: date, *languages: str, country: str | None = None) -> StatedTime | None:
    """The last day that an out-of-office text names: of "from 3 to 12 January" the 12th. None where it names none."""
    read = text[:LONGEST]
    first = _day_first(languages)
    moment = Moment(today, country, (1, 1), first if first is not None else _order_of(read, today), short=True)
    best: StatedTime | None = None
    for sentence in sentences(read):
        words = folded(sentence)
        if not _BACK.search(words):
            continue
        for one in found_in(words, moment):
            if one.on is None or not today <= one.on <= today + _FARTHEST_RETURN:
                continue
            if best is None or best.on is None or one.on > best.on:
                best = StatedTime(one.on, sentence)
    return best


def asks_for_contact(sentence: str) -> bool:
    """Whether a sentence speaks of getting in touch, deciding or waiting, so that its date is more than a fact."""
    return CUE.search(folded(sentence)) is not None


def _day_first(languages: tuple[str, ...]) -> bool | None:
    codes = {code[:2].lower() for code in languages if code}
    return True if codes and "en" not in codes else None


def _order_of(text: str, today: date) -> bool | None:
    """Whether `3/4` is the third of April here: another date in the text shows it, else only one of both is near."""
    pairs = [(int(one[1]), int(one[2])) for one in re.finditer(r"\b(\d{1,2})/(\d{1,2})(?:/\d{2,4})?\b", text)]
    if any(first > 12 for first, _ in pairs):
        return True
    if any(second > 12 for _, second in pairs):
        return False
    near = {order for order in (True, False) for one in pairs if _is_near(one, today, day_first=order)}
    return near.pop() if len(near) == 1 else None


def _is_near(pair: tuple[int, int], today: date, *, day_first: bool) -> bool:
    day, month = pair if day_first else (pair[1], pair[0])
    for year in (today.year, today.year + 1):
        try:
            if timedelta(0) <= date(year, month, day) - today <= timedelta(days=45):
                return True
        except ValueError:
            continue
    return False


def decision_date(text: str, today: date) -> date | None:
    """The date that a timeline names: an ISO date or month, `Q3 2027`, `6 months`, or any words that `stated` reads.

    None where it names none.
    """
    words = text.strip().casefold()
    try:
        return date.fromisoformat(words)
    except ValueError:
        pass
    parts = words.replace("in ", "").split()
    if len(parts) == 2 and parts[0].isdigit() and parts[1].rstrip("s") in ("month", "week", "day", "year"):
        days = {"month": 30.4375, "week": 7, "day": 1, "year": 365.25}[parts[1].rstrip("s")]
        return today + timedelta(days=min(round(int(parts[0]) * days), 36_500))
    if len(parts) == 2 and parts[0] in ("q1", "q2", "q3", "q4") and parts[1].isdigit() and len(parts[1]) == 4:
        return date(int(parts[1]), 3 * int(parts[0][1]) - 2, 1)
    if len(words) == 7 and words[4] == "-" and words[:4].isdigit() and words[5:].isdigit():
        month = int(words[5:])
        return date(int(words[:4]), month, 1) if 1 <= month <= 12 else None
    found = stated(text, today)
    return found.on if found else None


def found_dates(text: str, today: date) -> Iterator[Found]:
    """Every time in a text, sentence by sentence: for tests and for showing how a text was read."""
    for sentence in sentences(text[:LONGEST]):
        yield from found_in(folded(sentence), Moment(today))
