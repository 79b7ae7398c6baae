"""The words in which seven languages name months, numbers, units and seasons, as folded text.

Folded: lower case, without accents (`März` is `marz`, `août` is `aout`), so that one pattern reads what people type.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final


def folded(text: str) -> str:
    """Lower case without accents and with plain quotes: the form in which all patterns are written."""
    plain = text.replace("’", "'").replace("‘", "'").replace("\u00a0", " ").casefold()
    return "".join(one for one in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(one))


def _table(lines: str) -> dict[str, int]:
    """`1 one two / 2 three` -> {one: 1, two: 1, three: 2}."""
    found: dict[str, int] = {}
    for line in lines.strip().split("/"):
        number, *words = line.split()
        found |= {word.replace("_", " "): int(number) for word in words}
    return found


MONTHS: Final = _table(
    """1 january januar janner janvier enero gennaio januari janeiro jan
    / 2 february februar feber fevrier febrero febbraio februari fevereiro feb febr fevr
    / 3 march marz mars marzo maart marco mar mrz mrt
    / 4 april avril abril aprile apr avr abr
    / 5 may mai mayo maggio mei maio
    / 6 june juni juin junio giugno junho jun
    / 7 july juli juillet julio luglio julho jul juil
    / 8 august aout agosto augustus aug ago
    / 9 september septembre septiembre setiembre settembre setembro sept sep
    / 10 october oktober octobre octubre ottobre outubro oct okt
    / 11 november novembre noviembre novembro nov
    / 12 december dezember decembre diciembre dicembre dezembro dec dez dic"""
)
# Also names of people, other words, or too short: they name a month only beside a day, a year or "in".
AMBIGUOUS: Final = frozenset(
    [
        "april",
        "avril",
        "june",
        "juni",
        "juli",
        "julio",
        "julho",
        "junio",
        "may",
        "mai",
        "mayo",
        "mei",
        "march",
        "mars",
        "marzo",
        "marco",
        "mar",
        "jan",
        "jun",
        "jul",
        "sep",
        "sept",
        "dec",
        "dez",
        "dic",
        "feb",
        "febr",
        "fevr",
        "mrz",
        "mrt",
        "apr",
        "avr",
        "abr",
        "juil",
        "aug",
        "ago",
        "oct",
        "okt",
        "nov",
        "augustus",
        "augusto",
        "agosto",
    ]
)

NUMBERS: Final = _table(
    """1 one a an ein eine einem einen einer un une una uno een um uma
    / 2 two zwei deux dos due twee dois duas couple_of a_couple_of ein_paar_wenige
    / 3 three drei trois tres tre drie / 4 four vier quatre cuatro quattro quatro
    / 5 five funf cinq cinco cinque vijf / 6 six sechs seis sei zes / 7 seven sieben sept siete sette zeven sete
    / 8 eight acht huit ocho otto oito / 9 nine neun neuf nueve nove negen / 10 ten zehn dix diez dieci tien dez
    / 11 eleven elf onze once undici / 12 twelve zwolf douze doce dodici twaalf doze"""
)
UNITS: Final = {
    "day": "day days tag tage tagen jour jours dia dias giorno giorni dag dagen",
    "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
    "month": "month months monat monate monaten monats mois mes meses mese mesi maand maanden",
    "quarter": "quarter quarters quartal quartale quartalen trimestre trimestres trimestri kwartaal kwartalen",
    "year": "year years jahr jahre jahren an ans annee annees ano anos anni anno jaar",
}
UNIT_OF: Final = {word: unit for unit, words in UNITS.items() for word in words.split()}
WEEKDAYS: Final = _table(
    """0 monday montag lundi lunes lunedi maandag segunda-feira / 1 tuesday dienstag mardi martes martedi dinsdag
    terca-feira / 2 wednesday mittwoch mercredi miercoles mercoledi woensdag quarta-feira
    / 3 thursday donnerstag jeudi jueves giovedi donderdag quinta-feira
    / 4 friday freitag vendredi viernes venerdi vrijdag sexta-feira
    / 5 saturday samstag samedi sabado sabato zaterdag / 6 sunday sonntag dimanche domingo domenica zondag"""
)
# The month in which each season begins, as people in business mean it in the north.
SEASONS: Final = _table(
    """3 spring fruhling fruhjahr fruhlings printemps primavera voorjaar lente
    / 6 summer sommer ete verano estate zomer verao sommerferien sommerpause
    / 9 autumn fall herbst automne otono autunno herfst najaar outono / 12 winter hiver invierno inverno"""
)
ORDINALS: Final = _table(
    """1 first erste ersten erstes premier primer primo eerste primeiro 1st 1er 1e 1. 1o
    / 2 second zweite zweiten zweites deuxieme segundo secondo tweede 2nd 2e 2eme 2. 2o
    / 3 third dritte dritten drittes troisieme tercer terzo derde terceiro 3rd 3e 3eme 3. 3o
    / 4 fourth last vierte vierten viertes letzte letzten quatrieme cuarto quarto vierde 4th 4e 4eme 4. 4o"""
)

NEXT: Final = (
    "next|the coming|coming|nachste[nrsm]?|kommende[nrsm]?"
    "|prochaine?|que viene|proxim[oa]|prossim[oa]|volgende?|komende?"
)
NEXT_AFTER: Final = "prochaine?|que viene|que vem|proxim[oa]|prossim[oa]"  # languages that put it behind the noun
AFTER: Final = "after|nach|apres|despues de[l]?|tras|dopo|na|depois d[aoe]|apos"
EARLY: Final = (
    "early|(?:the )?(?:beginning|start) of|anfang|zu beginn|beginn|debut|principios de|a principios de"
    "|inizio|begin|inicio d[eo]|no inicio d[eo]"
)
MID: Final = "mid|middle of|mitte|mi|mediados de|meta|medio|half|meados de"
LATE: Final = (
    "late|(?:the )?end of|ende|fin|fin de|finales de|fine|a fine|eind|einde|final de|fim de|no final de|no fim de"
)


def either(words: dict[str, int] | dict[str, str] | str) -> str:
    """A pattern for any of the words, the longest first."""
    many = words.split() if isinstance(words, str) else list(words)
    return "|".join(re.escape(one) for one in sorted(many, key=len, reverse=True))
