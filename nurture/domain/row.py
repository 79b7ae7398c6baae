"""A mapped row of an import as typed values, or the reasons why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final, NamedTuple

from nurture.domain import cell
from nurture.domain.address import normalise_domain, normalise_email, normalise_phone
from nurture.domain.consent import Basis, Medium
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
CONSENT_NAMES: Final = frozenset(
    {"consent_basis", "consent_at", "consent_until", "consent_source", "consent_text", "consent_channel"}
)
FLAG_NAMES: Final = frozenset({"opted_out", "do_not_call"})
FACT_NAMES: Final = frozenset(name.value for name in FactName)
COMPUTED_NAMES: Final = frozenset({"score", "fit", "engagement", "timeline_months", "asked_for_sales"})
DATE_NAMES: Final = frozenset({"created_at", "consent_at", "consent_until"})
IDENTITIES: Final = frozenset({"email", "external_id", "phone"})
_NAMED: Final = IDENTITIES | {"first_name", "last_name"}  # a whole office may have one number
# Every name that a file may give, besides x.NAME.
GIVEN_NAMES: Final = TEXT_NAMES | TYPED_NAMES | CONSENT_NAMES | FLAG_NAMES | FACT_NAMES | {"notes"}
BASES: Final = tuple(Basis)

# Here "n/a" is what somebody is called or wrote, not a missing value.
_VERBATIM: Final = frozenset({"first_name", "last_name", "title", "consent_basis", "consent_source"}) | FACT_NAMES
_REMEMBERED: Final = 4096  # texts of one column
_LINES: Final = frozenset({"notes", "consent_text"})
_NOTHING: Final[Mapping[Any, str]] = {}


# Both go from process to process a million times: a named tuple is made and sent in a third of the time.
class GivenConsent(NamedTuple):
    """What a file says about the basis for writing to this person. `until` is the first moment after it ends."""

    basis: str  # one of BASES
    at: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    text: str | None = None
    channel: str = Medium.EMAIL.value


class Row(NamedTuple):
    """One row, read. What the file leaves blank is in no mapping, so that it changes nothing.

    `values` holds flat names of a lead and its company: text, `employees` int, `revenue` float, `created_at` an aware
    moment, the rest in their normalised form. `custom` holds what is called x.NAME, without the x.
    At least one of email, external_id and phone is there.
    """

    line: int
    values: Mapping[str, Any]
    custom: Mapping[str, str] = _NOTHING
    facts: Mapping[FactName, str] = _NOTHING
    consent: GivenConsent | None = None
    opted_out: bool = False  # False also where the file says nothing: an import never opts anybody in again
    do_not_call: bool = False
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken. `line` is where it begins in the file; `reason` lists everything wrong with it.

    A wish to be left alone holds all the same: a mistyped country must not keep somebody on the list. `identity` then
    has what could be read of email, external_id, phone and name; it is empty where the row says no such thing.
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


class _Slot:
    """One column that is read by itself: what its text stands for. Remembers: a million rows name few countries."""

    def __init__(self, column: Column, parse: Callable[[str], Any]) -> None:
        self.known: dict[str, Any] = {}
        self._label = column.label
        self._parse = parse
        self._is_verbatim = column.name in _VERBATIM or column.name.startswith("x.")

    def value(self, text: str, problems: list[str]) -> Any:
        """The value, or None where nothing stands, or what stands there is added to `problems`."""
        bare = cell.cleaned(text)
        if not bare or (not self._is_verbatim and cell.is_nothing(bare)):
            return None
        if len(bare) > cell.MAX_TEXT:
            problems.append(_too_long(self._label, bare, cell.MAX_TEXT))
            return None
        try:
            value = self._parse(bare)
        except ValueError as error:
            problems.append(f"{self._label} {_shown(bare)}: {error}")
            return None
        if len(self.known) < _REMEMBERED:
            self.known[text] = value
        return value


class RowReader:
    """Reads rows of one file. Everything that can be decided once per file is decided here, not once per cell."""

    def __init__(self, columns: Sequence[Column], *, zone: tzinfo = UTC, phone: PhoneReader = phone_as_written) -> None:
        """`zone` is that of local times in the file. `phone` turns (text, country or None) into one form."""
        self._zone = zone
        self._phone = phone
        self._slots: list[tuple[int, int, str, dict[str, Any], _Slot]] = []
        self._others: list[tuple[int, Column]] = []
        for position, column in enumerate(columns):
            name = column.name
            if name in _LINES or name in FLAG_NAMES or name == "phone":
                self._others.append((position, column))
                continue
            slot = _Slot(column, self._parser(column))
            part = next((part for part, names in enumerate((CONSENT_NAMES, FACT_NAMES), 2) if name in names), 0)
            part, name = (1, name[2:]) if name.startswith("x.") else (part, name)
            self._slots.append((position, part, name, slot.known, slot))

    def read(self, line: int, texts: Sequence[str]) -> Row | Refused:
        """The row whose values stand in `texts`, in the order of the columns; or all that is wrong with it."""
        values: dict[str, Any] = {}
        parts: tuple[dict[str, Any], ...] = (values, {}, {}, {})  # values, custom, consent, facts
        problems: list[str] = []
        for position, part, name, known, slot in self._slots:
            if text := texts[position]:
                value = known.get(text)
                if value is None:
                    value = slot.value(text, problems)
                if value is not None:
                    parts[part][name] = value
        _, custom, given, learned = parts
        flags = {"opted_out": False, "do_not_call": False}
        for position, column in self._others:
            if text := texts[position]:
                self._read_other(column, text, parts, flags, problems)
        notes = values.pop("notes", None)
        consent = None
        if given:
            if "consent_basis" in given:
                consent = GivenConsent(**{name.removeprefix("consent_"): value for name, value in given.items()})
            else:
                problems.append("consent without its basis: fill consent_basis")
        if not problems and "email" not in values and "external_id" not in values and "phone" not in values:
            problems.append("no address, no external id and no phone number: nobody could be found by it again")
        if problems:
            identity = {name: values[name] for name in sorted(_NAMED & values.keys())} if any(flags.values()) else {}
            return Refused(line, "; ".join(problems), flags["opted_out"], flags["do_not_call"], identity)
        facts = {FactName(name): text for name, text in learned.items()} if learned else {}
        return Row(line, values, custom, facts, consent, flags["opted_out"], flags["do_not_call"], notes)

    def _read_other(
        self,
        column: Column,
        text: str,
        parts: tuple[dict[str, Any], ...],
        flags: dict[str, bool],
        problems: list[str],
    ) -> None:
        """Text of several lines, opt-outs (several columns: any yes counts), phone numbers (they need the country)."""
        values, name = parts[0], column.name
        if name in _LINES:
            if lines := cell.cleaned_lines(text):
                parts[2 if name in CONSENT_NAMES else 0][name] = lines
                if len(lines) > cell.MAX_NOTE:
                    problems.append(_too_long(column.label, lines, cell.MAX_NOTE))
            return
        bare = cell.cleaned(text)
        if not bare or cell.is_nothing(bare):
            return
        try:
            if name in flags:
                flags[name] = cell.truth(bare) or flags[name]
            else:
                values[name] = self._phone(bare, values.get("country"))
        except ValueError as error:
            problems.append(f"{column.label} {_shown(bare)}: {error}")

    def _parser(self, column: Column) -> Callable[[str], Any]:
        name = column.name
        if name in DATE_NAMES:
            return partial(cell.moment, forms=column.forms, zone=self._zone, end_of_day=name == "consent_until")
        if column.forms:
            return partial(cell.date_text, forms=column.forms)
        if name == "email":
            return normalise_email
        return _PARSERS.get(name, _fact if name in FACT_NAMES else str)


def value_of(name: str, text: str, forms: tuple[str, ...] = ()) -> Any:
    """What this text stands for as the value of this name; None where nothing stands. Raises ValueError: why."""
    whole = [Column("external_id", ""), Column("consent_basis", ""), Column(name, name, forms)]
    read = RowReader(whole).read(1, ["1", "none", text])
    if isinstance(read, Refused):
        raise ValueError(read.reason)
    return read.values.get(name)


def problem_with(name: str, text: str, forms: tuple[str, ...] = ()) -> str | None:
    """What is wrong with this text as the value of this name, or None: for values that stand in a map."""
    try:
        value_of(name, text, forms)
    except ValueError as problem:
        return str(problem)
    return None


def _fact(text: str) -> str | None:
    """What was learned. Our own lists say true and false there: whether it is known, which is no fact."""
    return None if text.casefold() in {"true", "false"} else text


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
    "consent_channel": partial(cell.choice, words=tuple(Medium), what="channel of a consent"),
}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _too_long(label: str, text: str, limit: int) -> str:
    return f"{label}: {len(text):,} characters; at most {limit:,} are kept"
