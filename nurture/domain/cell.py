"""One cell of a file: what a person typed, to the value it stands for, or the reason why it cannot be that."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import cache
from typing import Final

MAX_TEXT: Final = 2_000  # characters
MAX_NOTE: Final = 20_000

# What exports write where nothing is known. Not "na": that is Namibia. Names are never compared with this: Null is one.
_NOTHING: Final = frozenset(
    {"-", "--", "n/a", "#n/a", "null", "none", "nil", "unknown", "[null]", "(blank)", "#value!"}
)
_LONGEST_NOTHING: Final = max(map(len, _NOTHING))
# Half of a surrogate pair among them: it is no character, and no database takes it.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SPACES: Final = re.compile(r"\s+")


def cleaned(text: str) -> str:
    """One line of text without control and invisible characters, in Unicode form C. A formula stays the text it is."""
    text = text.strip()
    if text.isprintable():  # no control character, and no space but the usual one
        return text if text.isascii() else unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", _SPACES.sub(" ", _UNSEEN.sub("", text))).strip()


def cleaned_lines(text: str) -> str:
    """The same for text that may have several lines."""
    text = re.sub("\r\n?|[\u0085\u2028\u2029]", "\n", text)
    return unicodedata.normalize("NFC", _UNSEEN.sub("", text)).strip()


def is_nothing(text: str) -> bool:
    """Whether a number, date, address or choice is missing here, though something is written."""
    return len(text) <= _LONGEST_NOTHING and text.casefold() in _NOTHING


_GROUPED: Final = re.compile(r"\d{1,3}(?:([., '\u2019])\d{3})(?:\1\d{3})*")
_RANGE: Final = re.compile(r"(.*\d.*?)\s*(?:-|\u2013|\u2014|to|bis)\s*(?=\S*\d)(.+)")
_SCALES: Final = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "b": 1e9,
    "bn": 1e9,
    "billion": 1e9,
}


def count(text: str) -> int:
    """A number of people: `1,200`, `1.200`, `1 200` and `1200.0` are 1200; of `1,000-5,000` and `1000+` the lower end.

    The lower end, because a rule says `employees >= 200` and must be right. Raises ValueError with the reason.
    """
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    words = text.casefold().replace("employees", "").replace("mitarbeiter", "").strip()
    number = _number(words, "a number of people, such as 250, 1,200 or 1,000-5,000")
    if number != int(number):
        raise ValueError("not a whole number of people")
    if number > 1e8:
        raise ValueError("more people than any company has")
    return int(number)


def amount(text: str) -> float:
    """An amount of money without its currency: `$1.5M`, `1.500.000,00 EUR`, `280522000`. Of a range the lower end.

    Of a single separator, three digits after it mean thousands, else a decimal. Raises ValueError with the reason.
    """
    bare = re.sub(
        r"[$\u20ac\u00a3\u00a5]|\b(?:usd|eur|gbp|chf|jpy|cad|aud|sek|nok|dkk|pln)\b", "", text.casefold()
    ).strip()
    number = _number(bare, "an amount of money, such as 1500000 or 1.5M")
    if number > 1e15:
        raise ValueError("a larger amount than any company has")
    return number


def _number(text: str, wanted: str) -> float:
    text = re.sub(r"\s", " ", text)
    if len(text) > 60 or not (found := _RANGE.fullmatch(text)):
        return _single(text, wanted)
    low, high = found[1], found[2]
    scale = _SCALE_AT_END.search(high)
    if scale and not _SCALE_AT_END.search(low):
        low += scale[0]  # 5-10M
    if _single(low, wanted) > _single(high, wanted):
        raise ValueError("the range runs backwards")
    return _single(low, wanted)


def _single(text: str, wanted: str) -> float:
    bare = text.strip().removesuffix("+").removeprefix("~").strip()
    scale = _SCALE_AT_END.search(bare)
    digits = bare[: scale.start()].strip() if scale else bare
    if grouped := _GROUPED.fullmatch(digits):
        digits = digits.replace(grouped[1], "")
    elif "," in digits and "." in digits:
        decimal = max(",.", key=digits.rindex)
        whole, _, part = digits.rpartition(decimal)
        group = _GROUPED.fullmatch(whole)
        digits = f"{whole.replace(group[1], '')}.{part}" if group and group[1] != decimal else ""
    else:
        digits = digits.replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,18}(?:\.[0-9]{0,9})?", digits):
        raise ValueError(f"not {wanted}")
    return float(digits) * (_SCALES[scale[1]] if scale else 1.0)


_SCALE_AT_END: Final = re.compile(r"(?<=[\d. ])\s*(" + "|".join(sorted(_SCALES, key=len, reverse=True)) + r")\.?$")

_YES: Final = frozenset(
    {"true", "t", "yes", "y", "1", "x", "on", "ja", "oui", "si", "s\u00ed", "checked", "\u2713", "\u2714"}
)
_NO: Final = frozenset({"false", "f", "no", "n", "0", "off", "nein", "non", "unchecked"})


def truth(text: str) -> bool:
    """Yes or no. Raises ValueError: a word that is neither must not decide over an opt-out."""
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("not yes or no (true, false, 1, 0)")


def moment(text: str, forms: Iterable[str] = (), *, zone: tzinfo = UTC, end_of_day: bool = False) -> datetime:
    """A moment in UTC: ISO 8601, else one of `forms` (strptime). Without an offset it is local time in `zone`.

    A bare date is its first moment; with `end_of_day`, the first moment after it, so that `until` includes the day.
    Raises ValueError with the reason.
    """
    forms = tuple(forms)
    parsed = _parsed(text, forms)
    if parsed is None:
        wanted = " or ".join(forms) if forms else "2027-01-31 or 2027-01-31T09:30:00Z"
        hint = "" if forms else "; another form is given under dates: in a map"
        raise ValueError(f"not a date and time as in {wanted}{hint}")
    if not 1900 <= parsed.year <= 2200:
        raise ValueError(f"the year {parsed.year} cannot be right")
    bare = ":" not in text and "T" not in text
    if bare and end_of_day:
        parsed += timedelta(days=1)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


def date_text(text: str, forms: Iterable[str]) -> str:
    """A date, or date and time, of one of `forms` as ISO 8601 text, for names that hold text. Raises ValueError."""
    forms = tuple(forms)
    parsed = _parsed(text, forms)
    if parsed is None:
        raise ValueError(f"not a date as in {' or '.join(forms)}")
    return parsed.isoformat() if ":" in text else parsed.date().isoformat()


def _parsed(text: str, forms: tuple[str, ...]) -> datetime | None:
    if text[:4].isdigit() and text[4:5] == "-":  # not 20270131 or 1700000000: those need a form
        try:
            return datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
        except ValueError:
            pass
    for form in (*forms, "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            continue
    return None


def choice(text: str, words: Iterable[str], what: str) -> str:
    """One of `words`, whatever its case and separators: `Long-Term` is long_term. Raises ValueError."""
    known = {word.replace("_", ""): word for word in words}
    word = re.sub(r"[\s_-]", "", text).casefold()
    if word in known:
        return known[word]
    near = get_close_matches(word, known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else f"known: {', '.join(known.values())}"
    raise ValueError(f"not a {what}; {hint}")


_LANGUAGE: Final = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.IGNORECASE)
_LANGUAGE_WORDS: Final = """
    english:en german:de deutsch:de french:fr francais:fr spanish:es espanol:es italian:it italiano:it
    portuguese:pt dutch:nl nederlands:nl polish:pl czech:cs slovak:sk hungarian:hu romanian:ro bulgarian:bg greek:el
    turkish:tr russian:ru ukrainian:uk swedish:sv norwegian:no danish:da finnish:fi estonian:et latvian:lv lithuanian:lt
    croatian:hr serbian:sr slovenian:sl hebrew:he arabic:ar persian:fa hindi:hi bengali:bn thai:th vietnamese:vi
    indonesian:id malay:ms chinese:zh japanese:ja korean:ko
"""
_LANGUAGES: Final = dict(pair.split(":") for pair in _LANGUAGE_WORDS.split())


def language_tag(text: str) -> str:
    """`en`, `pt-BR`, `zh-Hant-TW`: a language tag of BCP 47, also from `en_US` or `German`. Raises ValueError."""
    word = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    if word in _LANGUAGES:
        return _LANGUAGES[word]
    found = _LANGUAGE.fullmatch(text.replace("_", "-"))
    if not found:
        raise ValueError("not a language, such as en, pt-BR or German")
    parts = (found[1].lower(), (found[2] or "").title(), (found[3] or "").upper())
    return "-".join(part for part in parts if part)


@cache
def _zones() -> dict[str, str]:
    places = (
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
    return {name.casefold(): name for name in (*places, "UTC")}


def zone_name(text: str) -> str:
    """`Europe/Berlin`: the name of a time zone. Raises ValueError: an offset or `EST` does not know of summer time."""
    name = text.replace(" ", "_").casefold()
    if name in _zones():
        return _zones()[name]
    last = {zone.rpartition("/")[2]: zone for zone in _zones()}
    near = get_close_matches(name, _zones(), n=1, cutoff=0.75) if len(name) < 60 else []
    found = near[0] if near else last.get(name)
    hint = f"; did you mean {_zones()[found]}?" if found else ""
    raise ValueError(f"not a time zone by name, such as Europe/Berlin{hint}")


def website_domain(text: str) -> str:
    """The host name of a web address: `https://www.acme.example/en` is acme.example. Case is left to the caller."""
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text.strip(), flags=re.IGNORECASE)
    host = re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":\d*$", "", host)
    return re.sub(r"^www\d?\.(?=[^.]+\.)", "", host, flags=re.IGNORECASE)
