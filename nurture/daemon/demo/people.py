"""The people of the demo: companies with several of them each, as lists and forms would bring them in over a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from nurture.daemon.demo.chance import Chance
from nurture.domain.row import Column, Refused, Row, RowReader

_FIRST: Final = {
    "US": [
        "Emily",
        "James",
        "Maria",
        "David",
        "Linda",
        "Robert",
        "Ashley",
        "Marcus",
        "Karen",
        "Brian",
        "Denise",
        "Luis",
        "Angela",
        "Kevin",
        "Tamara",
        "Scott",
    ],
    "CA": ["Claire", "Ethan", "Nadia", "Liam", "Sophie", "Owen", "Priya", "Marc", "Hannah", "Julien"],
    "GB": ["Oliver", "Fiona", "Rhys", "Charlotte", "Imran", "Gemma", "Alistair", "Niamh", "Harriet", "Dev"],
    "DE": ["Anna", "Jürgen", "Katrin", "Stefan", "Sabine", "Thomas", "Miriam", "Uwe", "Heike", "Tobias"],
    "FR": ["Camille", "Luc", "Élodie", "Mathieu", "Sylvie", "Bruno", "Amina", "Pascal", "Inès", "Thierry"],
    "NL": ["Sanne", "Pieter", "Fleur", "Bram", "Marieke", "Joost", "Anouk", "Ruben"],
    "BR": ["Ana", "Rafael", "Beatriz", "Thiago", "Larissa", "Paulo"],
}
_LAST: Final = {
    "US": [
        "Carter",
        "Nguyen",
        "Lopez",
        "Miller",
        "Brooks",
        "Patel",
        "Johnson",
        "Reed",
        "Alvarez",
        "Kim",
        "Foster",
        "Hughes",
        "Bennett",
        "Ward",
        "Price",
        "Coleman",
    ],
    "CA": ["Tremblay", "Singh", "MacDonald", "Roy", "Chen", "Fraser", "Bouchard", "Gill"],
    "GB": ["Evans", "Clarke", "Ahmed", "Taylor", "Murray", "Patel", "Walsh", "Hughes", "Barnes"],
    "DE": ["Weber", "Schmidt", "Krüger", "Hoffmann", "Yilmaz", "Becker", "Lang", "Vogt", "Seidel"],
    "FR": ["Moreau", "Lefèvre", "Bernard", "Girard", "Benali", "Rousseau", "Fontaine"],
    "NL": ["Jansen", "Bakker", "Visser", "Smit", "Meijer", "Dekker"],
    "BR": ["Silva", "Souza", "Oliveira", "Costa", "Pereira", "Lima"],
}
_COUNTRIES: Final = [("US", 46.0), ("CA", 9.0), ("GB", 14.0), ("DE", 15.0), ("FR", 6.0), ("NL", 6.0), ("BR", 4.0)]
_ZONES: Final = {
    "US": ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"],
    "CA": ["America/Toronto", "America/Vancouver"],
    "GB": ["Europe/London"],
    "DE": ["Europe/Berlin"],
    "FR": ["Europe/Paris"],
    "NL": ["Europe/Amsterdam"],
    "BR": ["America/Sao_Paulo"],
}
# Numbers that are kept free for films and examples, or lead nowhere.
_PHONES: Final = {
    "US": "+1 202 555 01{:02d}",
    "CA": "+1 613 555 01{:02d}",
    "GB": "+44 20 7946 09{:02d}",
    "DE": "+49 30 23125 0{:02d}",
    "FR": "+33 1 99 00 12 {:02d}",
    "NL": "+31 20 000 00 {:02d}",
    "BR": "+55 11 5550 00{:02d}",
}
_INDUSTRIES: Final = [
    ("manufacturing", 27.0),
    ("food processing", 8.0),
    ("chemicals", 6.0),
    ("hospital", 9.0),
    ("education", 8.0),
    ("real estate", 8.0),
    ("hospitality", 6.0),
    ("logistics", 10.0),
    ("retail", 8.0),
    ("software", 8.0),
    ("energy consulting", 2.0),
]
_NAMES: Final = {
    "manufacturing": "Precision Castings,Gearworks,Tool & Die,Bearings,Plastics,Packaging",
    "food processing": "Foods,Dairy,Bakeries,Beverages",
    "chemicals": "Coatings,Chemicals,Adhesives",
    "hospital": "General Hospital,Medical Center,Clinics",
    "education": "College,Community Schools,University",
    "real estate": "Properties,Estates,Towers",
    "hospitality": "Hotels,Resorts",
    "logistics": "Logistics,Cold Storage,Freight",
    "retail": "Markets,Stores,Home",
    "software": "Software,Data Systems",
    "energy consulting": "Energy Advisors",
}
_PLACES: Final = [
    "Ashford",
    "Birch",
    "Calder",
    "Delmont",
    "Easton",
    "Fairview",
    "Granby",
    "Harlow",
    "Ironwood",
    "Juniper",
    "Keswick",
    "Lakeland",
    "Marlow",
    "Northgate",
    "Oakridge",
    "Pinehurst",
    "Quarry",
    "Redfield",
    "Stanton",
    "Tilbury",
    "Upland",
    "Verano",
    "Westbrook",
    "Yarrow",
    "Alder",
    "Brenner",
    "Corvin",
    "Dorn",
    "Elster",
    "Falken",
    "Grafton",
    "Helm",
    "Isar",
    "Jura",
    "Kestrel",
    "Linde",
    "Meridian",
    "Norden",
    "Orchard",
    "Prairie",
]
# Title, weight, whether this person has a say when such a system is bought.
_TITLES: Final = [
    ("Plant Manager", 11.0, True),
    ("Facilities Manager", 14.0, True),
    ("Director of Operations", 8.0, True),
    ("Head of Maintenance", 8.0, True),
    ("Energy Manager", 7.0, True),
    ("VP Engineering", 4.0, True),
    ("Maintenance Planner", 7.0, False),
    ("Sustainability Manager", 7.0, True),
    ("Purchasing Manager", 8.0, False),
    ("Controller", 5.0, False),
    ("IT Manager", 7.0, False),
    ("Marketing Manager", 5.0, False),
    ("Project Engineer", 6.0, False),
    ("Intern", 3.0, False),
]
_COLUMNS: Final = [
    "email",
    "first_name",
    "last_name",
    "title",
    "phone",
    "company",
    "industry",
    "employees",
    "country",
    "timezone",
    "consent_basis",
    "consent_source",
    "opted_out",
    "created_at",
]


@dataclass(frozen=True, slots=True)
class Someone:
    """One person as they are, whatever a list says about them."""

    email: str
    company: str
    title: str
    decides: bool
    texts: dict[str, str]  # what a list holds, by column
    zone: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A list or a form that arrives at a moment."""

    at: datetime
    file: str
    source: str | None
    people: list[Someone] = field(default_factory=list)
    again: list[Someone] = field(default_factory=list)  # known already, listed once more

    def rows(self) -> list[Row | Refused]:
        """The rows of the file, read as an import reads them."""
        reader = RowReader([Column(name, name) for name in _COLUMNS])
        lines = [one.texts for one in self.people]
        lines += [{**one.texts, "email": one.email.upper(), "opted_out": ""} for one in self.again]
        return [
            reader.read(line, [texts.get(name, "") for name in _COLUMNS]) for line, texts in enumerate(lines, start=2)
        ]


def someone(chance: Chance, number: int, companies: int) -> Someone:
    """The person of this number. Companies have one to several people, and some have many."""
    company = int(companies * chance.of("company", number) ** 1.6)
    country = chance.weighted(_COUNTRIES, "country", company)
    industry = chance.weighted(_INDUSTRIES, "industry", company)
    kind = chance.one_of(_NAMES[industry].split(","), "kind", company)
    # Every company has its own place, also where there are more companies than places.
    place, round_ = _PLACES[company % len(_PLACES)], company // len(_PLACES)
    name = " ".join(part for part in (place, ("", "& Sons", "United", "Group")[round_ % 4], kind) if part)
    slug = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
    domain = f"{slug}{company if round_ > 3 else ''}.example"
    first = chance.one_of(_FIRST[country], "first", number)
    last = chance.one_of(_LAST[country], "last", number)
    title, decides = chance.weighted([((title, says), weight) for title, weight, says in _TITLES], "title", number)
    local = _plain(f"{first}.{last}")
    zone = chance.one_of(_ZONES[country], "zone", company)
    employees = round(10 ** chance.between(1.5, 3.6, "employees", company))
    texts = {
        "email": f"{local}{number}@{domain}",
        "first_name": first,
        "last_name": last,
        "title": title,
        "company": name,
        "industry": industry,
        "employees": str(employees),
        "country": country,
        "timezone": zone if chance.hits(0.8, "zone is known", number) else "",
        "phone": _PHONES[country].format(number % 100) if chance.hits(0.8, "phone is known", number) else "",
    }
    return Someone(texts["email"], name, title, decides, texts, zone)


def _plain(text: str) -> str:
    swaps = str.maketrans({"é": "e", "è": "e", "ê": "e", "ü": "u", "ö": "o", "É": "E", " ": "", "'": ""})
    return text.translate(swaps).lower()


def batches(chance: Chance, leads: int, start: datetime, days: int) -> list[Batch]:
    """All people of the demo in the lists and forms that bring them, by the moment at which they arrive."""
    everyone = [someone(chance, number, max(leads * 9 // 16, 8)) for number in range(leads)]
    planned = [
        # (share, first day, file, source, basis, source of the consent)
        (0.30, 0, "crm-export.csv", None, "inquiry", "CRM: asked us before"),
        (0.21, 15, "chicago-badges.csv", "chicago-2026", "opt_in", "badge scan with consent"),
        (0.22, 34, "partner-list.csv", "partner-list-2026", "legitimate_interest", "partner"),
        (0.10, 233, "hannover-badges.csv", "hannover-2027", "opt_in", "badge scan with consent"),
    ]
    made: list[Batch] = []
    taken = 0
    for share, day, file, source, basis, words in planned:
        if day >= days - 10:
            continue
        count = round(leads * share)
        people = [_with_consent(chance, one, basis, words) for one in everyone[taken : taken + count]]
        again = [one for one in everyone[:taken] if chance.hits(0.03, "again", file, one.email)]
        made.append(Batch(start + timedelta(days=day, hours=6), file, source, people, again))
        taken += count
    for number, one in enumerate(everyone[taken:]):
        # Forms come in all the time: guides and the contact form, each person alone.
        guide = chance.hits(0.55, "guide", one.email)
        on = chance.between(1, max(days - 5, 2), "day", one.email)
        source, file = ("guide-energy-2026", "form: energy guide") if guide else ("website", "form: contact")
        basis, words = ("opt_in", "guide form") if guide else ("inquiry", "contact form")
        person = _with_consent(chance, one, basis, words)
        made.append(Batch(start + timedelta(days=on), f"{file} {number + 1}", source, [person]))
    made[0].people.extend(_spoiled(chance, made[0].people))
    return sorted(made, key=lambda one: (one.at, one.file))


def _with_consent(chance: Chance, one: Someone, basis: str, words: str) -> Someone:
    """What the list says of consent: mostly its basis, sometimes nothing, sometimes an opt-out."""
    texts = dict(one.texts)
    if not chance.hits(0.06, "no basis", one.email):
        texts |= {"consent_basis": basis, "consent_source": words}
    if chance.hits(0.015, "opted out", one.email):
        texts["opted_out"] = "yes"
    return Someone(one.email, one.company, one.title, one.decides, texts, one.zone)


def _spoiled(chance: Chance, good: Sequence[Someone]) -> list[Someone]:
    """Rows as every old list has them: a broken address, a country that is none, no way to reach anybody."""
    if len(good) < 3:
        return []
    broken = []
    for place, change in enumerate(
        ({"email": "info(at)example"}, {"country": "Freedonia"}, {"email": "", "phone": ""})
    ):
        one = good[place]
        broken.append(Someone("", one.company, one.title, False, {**one.texts, **change}, one.zone))
    return broken
