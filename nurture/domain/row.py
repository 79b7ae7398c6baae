"""A mapped row of an import as typed values, or the reasons why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import Any, Final

from nurture.domain import cell
from nurture.domain.address import normalise_domain, normalise_email, normalise_phone
from nurture.domain.country import country_code
from nurture.domain.fact import FactName
from nurture.domain.lead import Stage, Status

TEXT_NAMES: Final = frozenset(
    {"first_name", "last_name", "title", "company", "industry", "source", "owner", "external_id"}
)
TYPED_NAMES: Final = frozenset(
    {
        "email",
        "phone",
        "domain",
        "employees",
        "revenue",
        "country",
        "timezone",
        "language",
        "status",
        "stage",
        "created_at",
    }
)
CONSENT_NAMES: Final = frozenset({"consent_basis", "consent_at", "consent_until", "consent_source", "consent_text"})
FLAG_NAMES: Final = frozenset({"opted_out", "do_not_call"})
FACT_NAMES: Final = frozenset(name.value for name in FactName)
COMPUTED_NAMES: Final = frozenset({"score", "fit", "engagement", "timeline_months", "asked_for_sales"})
DATE_NAMES: Final = frozenset({"created_at", "consent_at", "consent_until"})
IDENTITIES: Final = ("email", "external_id", "phone")
# Every name that a file may give, besides x.NAME.
GIVEN_NAMES: Final = TEXT_NAMES | TYPED_NAMES | CONSENT_NAMES | FLAG_NAMES | FACT_NAMES | {"notes"}
BASES: Final = ("opt_in", "customer", "inquiry", "published", "legitimate_interest", "none")

# Here "n/a" is what somebody is called or wrote, not a missing value.
_VERBATIM: Final = frozenset({"first_name", "last_name", "title", "consent_basis", "consent_source"}) | FACT_NAMES
_LINES: Final = frozenset({"notes", "consent_text"})


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """What a file says about the basis for writing to this person. `until` is the first moment after it ends."""

    basis: str  # one of BASES
    at: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row, read. What the file leaves blank is in no mapping, so that it changes nothing.

    `values` holds flat names of a lead and its company: text, `employees` int, `revenue` float, `created_at` an aware
    moment, the rest in their normalised form. `custom` holds what is called x.NAME, without the x.
    At least one of email, external_id and phone is there.
    """

    line: int
    values: Mapping[str, Any]
    custom: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[FactName, str] = field(default_factory=dict)
    consent: GivenConsent | None = None
    opted_out: bool = False  # False also where the file says nothing: an import never opts anybody in again
    do_not_call: bool = False
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken. `line` is where it begins in the file; `reason` lists everything wrong with it.

    A wish to be left alone holds all the same: a mistyped country must not keep somebody on the list. `identity` then
    has what could be read of email, external_id and phone; it is empty where the row says no such thing.
    """

    line: int
    reason: str
    opted_out: bool = False
    do_not_call: bool = False
    identity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """Where a value comes from: the name it fills, what a person calls its column, the forms of its dates."""

    name: str
    label: str
    forms: tuple[str, ...] = ()


PhoneReader = Callable[[str, str | None], str]


def phone_as_written(text: str, country: str | None) -> str:
    """A phone number without a judgement on its country. Raises ValueError with the reason."""
    del country
    return normalise_phone(text)


class RowReader:
    """Reads rows of one file. Everything that can be decided once per file is decided here, not once per cell."""

    def __init__(self, columns: Sequence[Column], *, zone: tzinfo = UTC, phone: PhoneReader = phone_as_written) -> None:
        """`zone` is that of local times in the file. `phone` turns (text, country or None) into one form."""
        self._zone = zone
        self._phone = phone
        self._plain: list[tuple[int, str, str]] = []  # position, name, label: of x.NAME, where no more is to be done
        self._parsed: list[tuple[int, str, str, Callable[[str], Any]]] = []
        self._flags: list[tuple[int, str, str]] = []
        self._lines: list[tuple[int, str, str]] = []
        self._phones: list[tuple[int, str, str]] = []
        names = {column.name for column in columns}
        self._has_consent = not names.isdisjoint(CONSENT_NAMES)
        self._facts = sorted(names & FACT_NAMES)
        self._dated = sorted(column.name for column in columns if column.name.startswith("x.") and column.forms)
        for position, column in enumerate(columns):
            place = (position, column.name, column.label)
            if column.name in _LINES:
                self._lines.append(place)
            elif column.name in FLAG_NAMES:
                self._flags.append(place)
            elif column.name == "phone":
                self._phones.append(place)
            elif column.name.startswith("x.") and not column.forms:
                self._plain.append((position, column.name[2:], column.label))
            else:
                self._parsed.append((*place, self._parser(column)))

    def read(self, line: int, texts: Sequence[str]) -> Row | Refused:
        """The row whose values stand in `texts`, in the order of the columns; or all that is wrong with it."""
        found: dict[str, Any] = {}
        custom: dict[str, str] = {}
        problems: list[str] = []
        for position, name, label in self._plain:
            if text := texts[position]:
                text = cell.cleaned(text)
                if len(text) > cell.MAX_TEXT:
                    problems.append(_too_long(label, text, cell.MAX_TEXT))
                elif text:
                    custom[name] = text
        for position, name, label, parse in self._parsed:
            if text := texts[position]:
                text = cell.cleaned(text)
                if not text or (name not in _VERBATIM and cell.is_nothing(text)):
                    continue
                if len(text) > cell.MAX_TEXT:
                    problems.append(_too_long(label, text, cell.MAX_TEXT))
                    continue
                try:
                    found[name] = parse(text)
                except ValueError as error:
                    problems.append(f"{label} {_shown(text)}: {error}")
        for position, name, label in self._flags:
            text = cell.cleaned(texts[position])
            if text and not cell.is_nothing(text):
                try:
                    found[name] = cell.truth(text) or found.get(name, False)  # several columns: any yes counts
                except ValueError as error:
                    problems.append(f"{label} {_shown(text)}: {error}")
        for position, name, label in self._lines:
            if text := cell.cleaned_lines(texts[position]):
                found[name] = text
                if len(text) > cell.MAX_NOTE:
                    problems.append(_too_long(label, text, cell.MAX_NOTE))
        for position, name, label in self._phones:
            text = cell.cleaned(texts[position])
            if text and not cell.is_nothing(text):
                try:
                    found[name] = self._phone(text, found.get("country"))
                except ValueError as error:
                    problems.append(f"{label} {_shown(text)}: {error}")
        return self._row(line, found, custom, problems)

    def _row(self, line: int, found: dict[str, Any], custom: dict[str, str], problems: list[str]) -> Row | Refused:
        consent = None
        if self._has_consent and not found.keys().isdisjoint(CONSENT_NAMES):
            given = {name: found.pop(name, None) for name in CONSENT_NAMES}
            if given["consent_basis"] is None:
                problems.append("consent without its basis: fill consent_basis")
            else:
                consent = GivenConsent(**{name.removeprefix("consent_"): value for name, value in given.items()})
        facts: dict[FactName, str] = {}
        if self._facts:
            facts = {FactName(name): found.pop(name) for name in self._facts if name in found}
            # Our own lists say true and false: whether a fact is known, which is no fact.
            facts = {name: text for name, text in facts.items() if text.casefold() not in {"true", "false"}}
        for name in self._dated:
            if name in found:
                custom[name[2:]] = found.pop(name)
        opted_out = found.pop("opted_out", False)
        do_not_call = found.pop("do_not_call", False)
        notes = found.pop("notes", None)
        if not problems and not any(name in found for name in IDENTITIES):
            problems.append("no address, no external id and no phone number: nobody could be found by it again")
        if problems:
            wish = opted_out or do_not_call
            identity = {name: found[name] for name in IDENTITIES if name in found} if wish else {}
            return Refused(line, "; ".join(problems), opted_out, do_not_call, identity)
        return Row(line, found, custom, facts, consent, opted_out, do_not_call, notes)

    def _parser(self, column: Column) -> Callable[[str], Any]:
        name = column.name
        if name in DATE_NAMES:
            return partial(cell.moment, forms=column.forms, zone=self._zone, end_of_day=name == "consent_until")
        if column.forms:
            return partial(cell.date_text, forms=column.forms)
        if name == "email":
            return normalise_email
        parse = _PARSERS.get(name)
        # A column holds few different countries in a million rows.
        return lru_cache(maxsize=4096)(parse) if parse else str


def problem_with(name: str, text: str, forms: tuple[str, ...] = ()) -> str | None:
    """What is wrong with this text as the value of this name, or None: for values that stand in a map."""
    whole = [Column("external_id", ""), Column("consent_basis", ""), Column(name, name, forms)]
    read = RowReader(whole).read(1, ["1", "none", text])
    return read.reason if isinstance(read, Refused) else None


def _domain(text: str) -> str:
    domain = normalise_domain(cell.website_domain(text))
    if "." not in domain:
        raise ValueError("a domain has a dot, such as acme.example")
    return domain


_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "domain": _domain,
    "employees": cell.count,
    "revenue": cell.amount,
    "country": country_code,
    "timezone": cell.zone_name,
    "language": cell.language_tag,
    "status": partial(cell.choice, words=[word.value for word in Status], what="status"),
    "stage": partial(cell.choice, words=[word.value for word in Stage], what="stage"),
    "consent_basis": partial(cell.choice, words=BASES, what="basis for consent"),
}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _too_long(label: str, text: str, limit: int) -> str:
    return f"{label}: {len(text):,} characters; at most {limit:,} are kept"
