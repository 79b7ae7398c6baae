"""Import maps: which column of somebody's file is which of our names; YAML, with every problem at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from nurture.adapters.cadence_files.nodes import ListNode, MapNode, Node, ScalarNode, read_nodes
from nurture.adapters.cadence_files.report import Report, TooManyProblemsError, near, short
from nurture.adapters.lead_files.encoding import known_codec, named_delimiter
from nurture.adapters.lead_files.map_templates import RowTemplate, compile_template
from nurture.domain.errors import RequestError, UnknownNameError
from nurture.domain.row import COMPUTED_NAMES, DATE_NAMES, FACT_NAMES, GIVEN_NAMES, problem_with

KEYS: Final = ("columns", "constants", "templates", "values", "dates", "ignore", "delimiter", "encoding")
EVERY: Final = "*"  # in `values`: every name; as what is replaced: every other value
_CUSTOM: Final = re.compile(r"x\.[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Source:
    """The columns that can fill a name: the first that has something in it does, of an opt-out any that says yes."""

    headers: tuple[str, ...]
    required: bool = False  # written as one header, not as a list: the file must have it


@dataclass(frozen=True, slots=True)
class ImportMap:
    """One map file. Empty, it is the rule for files without a map."""

    name: str = ""
    columns: Mapping[str, Source] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, RowTemplate] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # keys casefolded
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()  # headers, with * for any letters
    delimiter: str | None = None
    encoding: str | None = None

    def with_constant(self, name: str, value: str) -> ImportMap:
        """The same map, in which every row has this value."""
        columns = {key: source for key, source in self.columns.items() if key != name}
        templates = {key: template for key, template in self.templates.items() if key != name}
        return replace(self, columns=columns, templates=templates, constants={**self.constants, name: value})


NO_MAP: Final = ImportMap()


def ready_maps() -> tuple[str, ...]:
    """The names of the maps that come with the program."""
    folder = files("nurture") / "starter" / "maps"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


def load_map(name: str) -> ImportMap:
    """A map that comes with the program, by name, or a file. Raises RequestError with every problem and its place."""
    if name in ready_maps():
        text = (files("nurture") / "starter" / "maps" / f"{name}.yaml").read_text(encoding="utf-8")
        return read_map(text, f"{name}.yaml")
    path = Path(name)
    if path.suffix.casefold() not in {".yaml", ".yml"} and not path.is_file():
        known = ", ".join(ready_maps())
        raise UnknownNameError("map", name, ready_maps(), otherwise=f"Known: {known}; or name a .yaml file.")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"The map {name} cannot be read: {error.strerror}.", hint="Check its path.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"The map {name} is not UTF-8.", hint="Save it as UTF-8.") from error
    return read_map(text, name)


def read_map(text: str, file: str) -> ImportMap:
    """The map in this YAML; `file` is for messages. Raises RequestError with every problem and its place."""
    report = Report(file)
    found = NO_MAP
    try:
        root = read_nodes(text, report)
        if isinstance(root, MapNode):
            found = _read(root, report)
        elif root is not None:
            report.error(root, f"a map has keys: {', '.join(KEYS)}")
    except TooManyProblemsError:
        pass
    if report.is_clean:
        return replace(found, name=Path(file).stem)
    count = len(report.problems)
    lines = "\n".join(str(problem) for problem in sorted(report.problems))
    raise RequestError(f"{lines}\n{count} problem{'s' * (count != 1)} in this map.", hint="Nothing was imported.")


def _read(root: MapNode, report: Report) -> ImportMap:
    parts: dict[str, MapNode] = {}
    delimiter = encoding = None
    ignore: tuple[str, ...] = ()
    for key, _, node in _entries(root, report, "map"):
        match key.text:
            case "columns" | "constants" | "templates" | "values" | "dates":
                if isinstance(node, MapNode):
                    parts[key.text] = node
                elif not (isinstance(node, ScalarNode) and node.is_nothing):
                    report.error(node, f"{key.text}: names with their values are wanted here")
            case "ignore":
                ignore = _texts(node, report, "ignore")
            case "delimiter":
                delimiter = _checked(node, report, named_delimiter)
            case "encoding":
                encoding = _checked(node, report, known_codec)
            case _:
                report.error(
                    key, f"unknown key {short(key.text)}{near(key.text, KEYS) or '; allowed: ' + ', '.join(KEYS)}"
                )
    dates = dict(_dates(parts.get("dates"), report))
    columns = {name: _source(node, report, name) for name, node in _named(parts.get("columns"), report, "columns")}
    constants = dict(_constants(parts.get("constants"), report, dates))
    templates = dict(_templates(parts.get("templates"), report))
    _refuse_two_origins(parts, report)
    values = dict(_values(parts.get("values"), report, dates))
    return ImportMap("", columns, constants, templates, values, dates, ignore, delimiter, encoding)


def _entries(node: MapNode, report: Report, where: str) -> Iterator[tuple[ScalarNode, str, Node]]:
    for again, line in node.repeated:
        report.error(again, f"{where}: {short(again.text)} is already set on line {line}")
    for key, value in node.entries.values():
        yield key, key.text, value


def _named(node: MapNode | None, report: Report, where: str) -> Iterator[tuple[str, Node]]:
    """The entries whose keys are names that a file may give; the others are reported."""
    if node is None:
        return
    for key, name, value in _entries(node, report, where):
        if name in GIVEN_NAMES or _CUSTOM.fullmatch(name) or (where == "values" and name == EVERY):
            yield name, value
        elif name in COMPUTED_NAMES:
            report.error(key, f"{where}: {name} is computed from what happens, and cannot be imported")
        else:
            hint = near(name, GIVEN_NAMES) or "; a name of your own is written x.NAME"
            report.error(key, f"{where}: unknown name {short(name)}{hint}")


def _text(node: Node, report: Report, where: str) -> str:
    if isinstance(node, ScalarNode):
        return "" if node.is_nothing else node.text
    report.error(node, f"{where}: one text is wanted here; quote a text that begins with a bracket")
    return ""


def _texts(node: Node, report: Report, where: str) -> tuple[str, ...]:
    items = node.items if isinstance(node, ListNode) else [node]
    return tuple(text for item in items if (text := _text(item, report, where)))


def _checked(node: Node, report: Report, check: Callable[[str], str]) -> str | None:
    text = _text(node, report, "map")
    try:
        return check(text) if text else None
    except RequestError as error:
        report.error(node, f"{error.what} {error.hint}")
        return None


def _source(node: Node, report: Report, name: str) -> Source:
    headers = _texts(node, report, name)
    if not headers:
        report.error(node, f"columns: {name} names no column")
    return Source(headers, required=isinstance(node, ScalarNode))


def _constants(node: MapNode | None, report: Report, dates: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for name, value in _named(node, report, "constants"):
        text = _text(value, report, name)
        if problem := problem_with(name, text, dates.get(name, ())):
            report.error(value, f"constants: {problem}")
        yield name, text


def _templates(node: MapNode | None, report: Report) -> Iterator[tuple[str, RowTemplate]]:
    for name, value in _named(node, report, "templates"):
        try:
            yield name, compile_template(_text(value, report, name))
        except ValueError as error:
            report.error(value, f"templates: {name}: {error}")


def _values(
    node: MapNode | None, report: Report, dates: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, dict[str, str]]]:
    for name, table in _named(node, report, "values"):
        if not isinstance(table, MapNode):
            report.error(table, f"values: {name}: a table is wanted here, such as {{unknown: ''}}")
            continue
        replaced: dict[str, str] = {}
        for key, old, value in _entries(table, report, f"values: {name}"):
            if old.casefold() in replaced:
                report.error(key, f"values: {name}: {short(old)} stands here twice; case makes no difference")
            new = _text(value, report, f"values: {name}")
            if name != EVERY and (problem := problem_with(name, new, dates.get(name, ()))):
                report.error(value, f"values: {problem}")
            replaced[old.casefold()] = new
        yield name, replaced


def _dates(node: MapNode | None, report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in _named(node, report, "dates"):
        if name not in DATE_NAMES and name not in FACT_NAMES and not name.startswith("x."):
            report.error(
                value, f"dates: {name} is not a date; dates are {', '.join(sorted(DATE_NAMES))}, facts and x.NAME"
            )
            continue
        forms = _texts(value, report, name)
        for form in forms:
            try:
                example = datetime(2027, 12, 31, 9, 30)  # noqa: DTZ001 - only its text is looked at
                has_year = datetime.strptime(example.strftime(form), form).year == example.year  # noqa: DTZ007
            except ValueError:
                has_year = False
            if not has_year:
                report.error(
                    value, f"dates: {name}: {short(form)} is not the form of a date, such as %d.%m.%Y or %m/%d/%Y"
                )
        yield name, forms


def _refuse_two_origins(parts: Mapping[str, MapNode], report: Report) -> None:
    seen: dict[str, str] = {}
    for part in ("columns", "constants", "templates"):
        for key, name, _ in _entries(parts[part], Report(""), part) if part in parts else ():
            if seen.setdefault(name, part) != part:
                report.error(key, f"{part}: {name} is already filled under {seen[name]}")
