"""Folded words -> the dates they mean: days, months, quarters, seasons, fiscal years and "in three months"."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

from nurture.domain import calendar
from nurture.domain.time_words import (
    AFTER,
    AMBIGUOUS,
    EARLY,
    LATE,
    MID,
    MONTHS,
    NEXT,
    NEXT_AFTER,
    NUMBERS,
    ORDINALS,
    SEASONS,
    UNIT_OF,
    WEEKDAYS,
    either,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """From where a time is counted. `day_first`: how 3/4 is read, None where unknown; `short`: also without a year."""

    today: date
    country: str | None = None
    fiscal_year_start: tuple[int, int] = (1, 1)
    day_first: bool | None = None
    short: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A time at its place in the text; `on` is None where it is vague."""

    start: int
    end: int
    on: date | None


class _NoDate(Exception):  # noqa: N818  not an error: the words are no time after all
    pass


# A year after the words: "2027", "next year", "this year".
_YEAR: Final = (
    r"(?:[ ,/'-]{0,3}(?:(?:of|in|im|del?|des|du|van|do|di|d'|dell'|de l'|del|nel) ?)?(?:(?P<y>20\d\d)"
    r"|(?P<ny>(?:the )?next year|nachste[sn]? jahre?s?|kommende[sn]? jahre?s?|(?:l')?an(?:nee)? prochaine?"
    r"|(?:el )?proximo ano|ano que v(?:ien)?e[m]?|ano proximo|(?:l')?anno prossimo|prossimo anno|volgend jaar"
    r"|komend jaar)"
    r"|(?P<ty>this year|diese[sn] jahre?s?|cette annee|este ano|quest'anno|dit jaar))\b)?"
)
_THE: Final = (
    r"(?:(?:the|our|den|dem|der|des|die|das"
    r"|l'|el|la|le|les|las|los|il|lo|gli|de|het|o|a|as|os|cet|este|questa|this|diese[nms]?) ?)?"
)
_MONTH: Final = f"(?P<month>{either(MONTHS)})"
_IN: Final = (
    r"(?:in|im|en|em|ad?|by|until|till|til|around|about|from|ab|bis|gegen|vers|para|per|voor|tot|ate|hasta|fino a[d]?"
    r"|verso|after|before|not before|nach|vor|apres|avant|despues de|antes de|dopo|prima di|na|rond|vanaf|depois de"
    r"|next|for|fur|pour|d'ici|mois de|mes de|mese di)"
)
_COUNT: Final = (
    rf"(?P<n>\d{{1,2}}|{either(NUMBERS)})(?: ?(?:-|to|or|bis|oder|a|ou|of|o) ?(?:\d{{1,2}}|{either(NUMBERS)}))?"
)
_UNIT: Final = rf"(?P<unit>{either(UNIT_OF)})"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|eme|e|o|\.)?"
_ORDINAL: Final = rf"(?P<ord>{either(ORDINALS)})"
_QUARTER: Final = "quarter|quartals?|trimestre|kwartaal|trimester"
_HALF: Final = "half|halbjahre?s?|halfte|semestre|semestr[ei]|helft|meta|mitad|moitie|jaarhelft"


def _business(moment: Moment, day: date) -> date:
    # New Year's Day is a holiday wherever this country is.
    while not calendar.is_business_day(day, moment.country) or (day.month, day.day) == (1, 1):
        day += timedelta(days=1)
    return day


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _NoDate from None


def _year_of(match: re.Match[str], moment: Moment) -> int | None:
    """The year that the words name; None where they name none. This year is named as well as any other."""
    if match["y"]:
        return int(match["y"])
    if match["ny"]:
        return moment.today.year + 1
    return moment.today.year if match["ty"] else None


def _begins(moment: Moment, year: int | None, month: int, day: int = 1) -> date | None:
    """The first business day from a day of the year on; the next such day where the year is missing.

    None (vague) where the time has begun already: "in November" on the 22nd may mean this one or the next.
    """
    on = _business(moment, _day(year or moment.today.year, month, day))
    if on > moment.today:
        return on
    if year is not None:
        if year < moment.today.year:
            raise _NoDate
        return None
    if (moment.today.month, moment.today.year) == (month, on.year) and day == 1:
        return None
    return _business(moment, _day(moment.today.year + 1, month, day))


def _exact(moment: Moment, year: int | None, month: int, day: int) -> date:
    """A day; the next one where the year is missing. What is past is no time to come back."""
    if year is not None:
        on = _day(year, month, day)
        if on < moment.today:
            raise _NoDate
        return on
    for ahead in range(5):  # 29 February may be far
        try:
            on = date(moment.today.year + ahead, month, day)
        except ValueError:
            continue
        if on >= moment.today:
            return on
    raise _NoDate


def _iso(match: re.Match[str], moment: Moment) -> date | None:
    return _exact(moment, int(match[1]), int(match[2]), int(match[3]))


def _iso_month(match: re.Match[str], moment: Moment) -> date | None:
    return _begins(moment, int(match[1]), int(match[2]))


def _day_month(match: re.Match[str], moment: Moment) -> date | None:
    return _exact(moment, int(match["y"]) if match["y"] else None, MONTHS[match["month"]], int(match["day"]))


def _numbers(match: re.Match[str], moment: Moment) -> date | None:
    """`12.1.2027`, `12/1/2027`, `12-1-2027`. With slashes the order is known only where a number shows it."""
    first, second, year = int(match["a"]), int(match["b"]), match["y"]
    if match["sep"].strip() == "/" and not year and not moment.short:
        raise _NoDate
    if not 1 <= first <= 31 or not 1 <= second <= 31 or (first > 12 and second > 12):
        raise _NoDate
    full = None if not year else int(year) + (2000 if len(year) == 2 else 0)
    if match["sep"].strip() != "/" or first > 12 or first == second:
        return _exact(moment, full, second, first)
    if second > 12:
        return _exact(moment, full, first, second)
    if moment.day_first is None:
        return None
    return _exact(moment, full, *((second, first) if moment.day_first else (first, second)))


def _quarter(match: re.Match[str], moment: Moment) -> date | None:
    group = match.groupdict()
    number = int(group["q"]) if group.get("q") else ORDINALS[match["ord"]]
    short = group.get("yy")
    return _begins(moment, 2000 + int(short) if short else _year_of(match, moment), 3 * number - 2)


def _half(match: re.Match[str], moment: Moment) -> date | None:
    group = match.groupdict()
    number = int(group["h"]) if group.get("h") else ORDINALS[match["ord"]]
    if number > 2:
        number = 2
    return _begins(moment, _year_of(match, moment), 6 * number - 5)


def _edge_of_month(match: re.Match[str], moment: Moment) -> date | None:
    month, year = MONTHS[match["month"]], _year_of(match, moment)
    if match["early"]:
        return _begins(moment, year, month)
    if match["mid"]:
        return _begins(moment, year, month, 15)
    year = year or moment.today.year + (month < moment.today.month)
    on = date(year, month, monthrange(year, month)[1])
    while not calendar.is_business_day(on, moment.country):
        on -= timedelta(days=1)
    return on if on > moment.today else None


def _edge_of_year(match: re.Match[str], moment: Moment) -> date | None:
    year = _year_of(match, moment)
    if match["early"]:
        return _begins(moment, year, 1)
    return _begins(moment, year or moment.today.year, 6 if match["mid"] else 12)


def _month(match: re.Match[str], moment: Moment) -> date | None:
    name, before = match["month"], match["before"] or ""
    year = _year_of(match, moment)
    if name in AMBIGUOUS and not before and year is None:
        raise _NoDate
    month = MONTHS[name]
    if re.fullmatch(rf"(?:{AFTER})", before.strip()):
        year, month = (year + (month == 12) if year else None), month % 12 + 1
    return _begins(moment, year, month)


def _season(match: re.Match[str], moment: Moment) -> date | None:
    month, year = SEASONS[match["season"]], _year_of(match, moment)
    if match["after"] or match["season"] in ("sommerferien", "sommerpause"):
        # The winter ends in the year after it began, wherever its name stands.
        year, month = (year + (month == 12) if year else None), (month + 3 - 1) % 12 + 1
    return _begins(moment, year, month)


def _easter(year: int) -> date:
    """Easter Sunday by the Gregorian computus (Meeus, Jones, Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    j = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 19 * j) // 433
    month, day = divmod(h + j - 7 * m + 90, 25), 0
    n = month[0]
    day = (h + j - 7 * m + 33 * n + 19) % 32
    return date(year, n, day)


def _after_easter(_: re.Match[str], moment: Moment) -> date | None:
    for year in (moment.today.year, moment.today.year + 1):
        tuesday = _easter(year) + timedelta(days=2)
        if tuesday > moment.today:
            return tuesday
    raise _NoDate


def _after_holidays(match: re.Match[str], moment: Moment) -> date | None:
    if match["any"] and 5 <= moment.today.month <= 8:
        return _begins(moment, None, 9)
    return _business(moment, date(moment.today.year + 1, 1, 2))


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _ahead(moment: Moment, count: int, unit: str) -> date:
    if unit in ("day", "week"):
        return _business(moment, moment.today + timedelta(days=count * (7 if unit == "week" else 1)))
    return _business(moment, _months_later(moment.today, count * {"month": 1, "quarter": 3, "year": 12}[unit]))


def _in_units(match: re.Match[str], moment: Moment) -> date | None:
    number = match["n"]
    count = int(number) if number.isdigit() else NUMBERS[number]
    if not 0 < count < 100:
        raise _NoDate
    return _ahead(moment, count, UNIT_OF[match["unit"]])


def _half_year(_: re.Match[str], moment: Moment) -> date | None:
    return _ahead(moment, 6, "month")


def _next_unit(match: re.Match[str], moment: Moment) -> date | None:
    unit = UNIT_OF[match["unit"] or match["unit2"]]
    today = moment.today
    if unit == "week":
        return _business(moment, today + timedelta(days=7 - today.weekday()))
    if unit == "month":
        return _business(moment, _months_later(today.replace(day=1), 1))
    if unit == "quarter":
        return _business(moment, _months_later(today.replace(day=1), 3 - (today.month - 1) % 3))
    if unit == "year":
        return _business(moment, date(today.year + 1, 1, 1))
    return _ahead(moment, 1, "day")


def _weekday(match: re.Match[str], moment: Moment) -> date | None:
    ahead = (WEEKDAYS[match["weekday"]] - moment.today.weekday() - 1) % 7 + 1
    return moment.today + timedelta(days=ahead)


def _tomorrow(_: re.Match[str], moment: Moment) -> date | None:
    return moment.today + timedelta(days=1)


def _fiscal(match: re.Match[str], moment: Moment) -> date | None:
    if match["month"]:
        return _begins(moment, None, MONTHS[match["month"]])
    month, day = moment.fiscal_year_start
    on = _business(moment, _day(moment.today.year, month, day))
    return on if on > moment.today else _business(moment, _day(moment.today.year + 1, month, day))


def _year(match: re.Match[str], moment: Moment) -> date | None:
    return _begins(moment, int(match[1]), 1)


def _vague(_: re.Match[str], __: Moment) -> date | None:
    return None


Maker = Callable[[re.Match[str], Moment], date | None]


def _rule(pattern: str, maker: Maker) -> tuple[str, Maker]:
    return rf"(?<![\w]){pattern}(?![\w])", maker


_RULES: Final[tuple[tuple[str, Maker], ...]] = (
    _rule(r"(20\d\d)-(\d\d)-(\d\d)", _iso),
    _rule(r"(20\d\d)-(0[1-9]|1[0-2])(?!-\d)", _iso_month),
    _rule(rf"{_DAY}(?: of| de| d'| di)? ?{_MONTH}\.?(?:,? (?:de |of )?(?P<y>20\d\d))?", _day_month),
    _rule(rf"{_MONTH}\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>20\d\d))?", _day_month),
    _rule(r"(?P<a>\d{1,2})(?P<sep>\. ?)(?P<b>\d{1,2})\.(?: ?(?P<y>20\d\d|\d\d))?", _numbers),
    _rule(r"(?P<a>\d{1,2})(?P<sep>/)(?P<b>\d{1,2})(?:/(?P<y>20\d\d|\d\d))?", _numbers),
    _rule(r"(?P<a>\d{1,2})(?P<sep>-)(?P<b>\d{1,2})-(?P<y>20\d\d)", _numbers),
    _rule(rf"[qtk](?P<q>[1-4]){_YEAR}", _quarter),
    _rule(r"[qtk](?P<q>[1-4])[ /'-]{1,2}(?P<yy>[2-9]\d)(?P<y>)(?P<ny>)(?P<ty>)", _quarter),
    _rule(rf"(?:{_QUARTER}) (?P<q>[1-4]){_YEAR}", _quarter),
    _rule(rf"{_ORDINAL} ?(?:{_QUARTER}){_YEAR}", _quarter),
    _rule(rf"h(?P<h>[12]){_YEAR}", _half),
    _rule(rf"{_ORDINAL} ?(?:{_HALF}){_YEAR}", _half),
    _rule(
        rf"(?:(?P<early>{EARLY})|(?P<mid>{MID})|(?P<late>{LATE}))[ -](?:de |di |van |of |d')?{_MONTH}{_YEAR}",
        _edge_of_month,
    ),
    _rule(
        rf"(?:(?P<early>{EARLY})|(?P<mid>{MID})|(?P<late>{LATE}))[ -](?:of |in |de l'|del? |do |dell'|van |des "
        rf"|d')?{_THE}"
        rf"(?:(?:year|jahre?s?|an(?:nee)?|ano|anno|jaar)|(?=20\d\d|next|nach|komm|l'an|an|prox|pros|volg|this|dies"
        rf"|cette|este|quest|dit)){_YEAR}",
        _edge_of_year,
    ),
    _rule(rf"(?:(?P<before>{_IN}) {_THE})?{_MONTH}{_YEAR}", _month),
    _rule(
        rf"(?:(?P<after>{AFTER})|in|im|en|em|by|until|till|bis|this|next|for|fur|pour|para|per|voor|cet|hasta|ate"
        rf"|in der|im nachsten|au)"
        rf" {_THE}(?:(?:{NEXT}) )?(?P<season>{either(SEASONS)})(?: break| vacation| holidays)?{_YEAR}",
        _season,
    ),
    _rule(rf"(?:{AFTER}) {_THE}(?:easter|ostern|paques|pascua|semana santa|pasqua|pasen|pascoa)", _after_easter),
    _rule(
        rf"(?:{AFTER}) {_THE}(?:(?P<any>holidays|holiday season|vacances|fiestas|fetes|feste|feestdagen|festas"
        rf"|feiertagen)"
        r"|christmas|xmas|new year(?:'?s)?|weihnachten|neujahr|jahreswechsel|jahresende|noel|nouvel an|navidad"
        r"|ano nuevo|natale"
        r"|capodanno|kerst|nieuwjaar|natal|ano novo)",
        _after_holidays,
    ),
    _rule(
        r"(?:in|within|en|dentro de|dans|d'ici|tra|fra|over|binnen|em|daqui a|after|nach|apres|despues de|dopo|na"
        r"|depois de)"
        rf" (?:about |around |roughly |another |etwa |ca\. |environ |unos |unas |circa "
        rf"|cerca de )?{_COUNT} (?:of )?{_UNIT}",
        _in_units,
    ),
    _rule(rf"{_COUNT} {_UNIT} (?:from now|later|from today|spater|plus tard)", _in_units),
    _rule(
        r"(?:in|dans|en|tra|fra|over|em|dentro de) (?:half a year|einem halben jahr|un semestre|mezzo anno|sei mesi"
        r"|een half jaar|medio ano|meio ano)",
        _half_year,
    ),
    _rule(rf"(?:(?:{NEXT}) {_UNIT}|(?P<unit2>{either(UNIT_OF)}) (?:{NEXT_AFTER}))", _next_unit),
    _rule(
        rf"(?:on |am |on next |next |this |nachsten |kommenden |el |op |na )(?P<weekday>{either(WEEKDAYS)})", _weekday
    ),
    _rule(r"(?<!guten )(?<!la )(?<!this )(?:tomorrow|morgen|demain|manana|domani|amanha)", _tomorrow),
    _rule(
        r"(?:fiscal year|financial year|budget year|fy ?(?:20)?\d\d|geschaftsjahre?s?|wirtschaftsjahre?s?"
        r"|haushaltsjahre?s?|exercice(?: fiscal| budgetaire)?"
        r"|ano fiscal|ejercicio fiscal|anno fiscale|esercizio|boekjaar|exercicio)"
        rf"(?: (?:starts?|starting|begins?|beginning|beginnt|commence|empieza|comienza|inizia|begint|comeca) (?:on "
        rf"|in |im |en |a |em )?{_MONTH})?",
        _fiscal,
    ),
    _rule(
        r"(?:in|im|im jahr|en|em|nel|for|fur|pour|para|per|voor|until|till|by|from|ab|vanaf|a partir de|after|before"
        r"|not before) (20\d\d)",
        _year,
    ),
    _rule(
        rf"(?:in |within |dans |en |tra |fra |over |em |dentro de )?(?:a few|several|some|a couple|ein paar"
        rf"|einige[nr]?|mehrere[nr]?|quelques|plusieurs"
        rf"|unos|unas|algunos|algunas|varios|varias|alcun[ei]|qualche|enkele|een paar|alguns|algumas"
        rf"|uns) (?:of )?{_UNIT}",
        _vague,
    ),
    _rule(
        r"(?:some ?time|at some point|later(?: on)?|down the (?:road|line|track)|in the (?:near |distant )?future"
        r"|another time|at a later (?:date|time|stage|point)"
        r"|soon|one day|when (?:the time is right|things (?:settle|calm) down|we(?:'re| are) ready|budgets? (?:is"
        r"|are) \w+)|budget (?:cycle|season|planning)"
        r"|irgendwann|spater|zu einem spateren zeitpunkt|bei gelegenheit|demnachst|in zukunft|kunftig|zu gegebener zeit"
        r"|plus tard|ulterieurement|un autre moment|a l'avenir|prochainement|un jour"
        r"|mas adelante|mas tarde|en otro momento|en el futuro|algun dia|proximamente"
        r"|piu avanti|piu tardi|in (?:un )?futuro|in un altro momento|prossimamente"
        r"|op een later (?:moment|tijdstip)|ooit|in de toekomst|binnenkort|te zijner tijd"
        r"|mais tarde|mais adiante|mais para a frente|no futuro|futuramente|noutra altura|em outro momento|em breve)",
        _vague,
    ),
)
_PAST_BEFORE: Final = re.compile(
    r"\b(?:since|last|ago|seit(?: dem)?|letzte[nrsm]?|vergangene[nrsm]?|im letzten|depuis|desde|ultim[oa]|dal"
    r"|dall[ao']?|sinds|afgelopen|vorige?) ?$"
)
_PAST_AFTER: Final = re.compile(r"^ (?:ago|dernier|derniere|passe|pasad[oa]|scors[oa]|passad[oa]|geleden)\b")


@cache
def _rules() -> list[tuple[re.Pattern[str], Maker]]:
    """Compiled when first a text is read: that takes longer than most commands, which read none."""
    return [(re.compile(pattern), maker) for pattern, maker in _RULES]


def found_in(words: str, moment: Moment) -> list[Found]:
    """The times in one folded sentence, in the order of the text; of two that overlap, the longer one."""
    found: list[Found] = []
    for pattern, maker in _rules():
        for match in pattern.finditer(words):
            if _PAST_BEFORE.search(words[: match.start()]) or _PAST_AFTER.search(words[match.end() :]):
                continue
            try:
                found.append(Found(match.start(), match.end(), maker(match, moment)))
            except (_NoDate, OverflowError):
                continue
    found.sort(key=lambda one: (one.start - one.end, one.start))
    kept: list[Found] = []
    for one in found:
        if not any(one.start < other.end and other.start < one.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)
