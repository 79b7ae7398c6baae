"""What one file says about another: names that must exist, and cadences that fight or chase each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from nurture.adapters.cadence_files.course import at_once
from nurture.adapters.cadence_files.report import Mention, Place, Report, TooManyProblemsError, near, short
from nurture.domain.condition import Condition, parse
from nurture.domain.person import Role
from nurture.domain.possibility import Range, can_both_hold, can_hold, ranges_of, told_apart
from nurture.domain.workspace import Workspace

# Addresses of one company are alike in most of their letters.
ALIKE: Final = 0.85
NURTURING: Final = parse("status == 'nurturing'")
MOST_RIVALS: Final = 2_000  # pairs of conditions that a look does not tell apart; after so many nobody is waiting
ENDINGS: Final = {"html": "email", "txt": "email", "md": "script"}


@dataclass(frozen=True, slots=True)
class Known:
    """The names that may be used. None: not known here, so not checked."""

    cadences: Collection[str]
    templates: Collection[str] | None = None
    webhooks: Collection[str] | None = None
    senders: Collection[str] | None = None


def check_identities(report: Report) -> None:
    """Refuse two entries of one list that go by the same name."""
    first: dict[str, Mention] = {}
    for mention in report.mentions:
        if mention.what == "identity":
            name = str(mention.value)
            if name in first:
                report.error(mention, f"{mention.where}: {short(name)} stands already on line {first[name].line}")
            first.setdefault(name, mention)


def check(workspace: Workspace, reports: Mapping[str, Report], known: Known) -> None:
    """Add to each report what is wrong about the names it uses."""
    mails = _mails(reports, known)
    templates = None if known.templates is None else _stems(known.templates)
    ranges = ranges_of(workspace.scoring)
    for path, report in reports.items():
        cadence = path.removeprefix("cadences/").removesuffix(".yaml") if path.startswith("cadences/") else ""
        try:
            for mention in tuple(report.mentions):
                if isinstance(mention.value, Condition):
                    _check_mails(mention, mention.value, report, cadence, mails)
                    _check_gate(mention, mention.value, report, ranges)
                else:
                    _check_name(mention, report, workspace, known)
                    if templates is not None and mention.what in templates:
                        _check_template(mention, report, cadence, templates[mention.what])
        except TooManyProblemsError:
            continue
    _check_loops(workspace, reports)
    _check_rivals(workspace, reports, ranges)


def _check_mails(mention: Mention, condition: Condition, report: Report, cadence: str, mails: Mails) -> None:
    """An e-mail is called as in the steps of this cadence, or by its full name."""
    for call in condition.calls:
        name = str(call.args[0]) if call.args else ""
        if call.name in {"clicked", "sent"} and not mails.has(name, cadence):
            message = f"{mention.where}: no e-mail is called {short(name)}{mails.near(name, cadence)}"
            report.error(mention.at(call.offset), message)


def _check_name(mention: Mention, report: Report, workspace: Workspace, known: Known) -> None:
    value, where = mention.value, mention.where
    match mention.what:
        case "cadence" if value not in known.cadences:
            report.error(mention, f"{where}: no cadence is called {_unknown(str(value), known.cadences)}")
        case "webhook" if known.webhooks is not None and value not in known.webhooks:
            hint = near(str(value), known.webhooks) or f"; add [webhooks.{value}] to nurture.toml"
            report.error(mention, f"{where}: no webhook is called {short(str(value))}{hint}")
        case "sender" if known.senders is not None and value != "owner" and value not in known.senders:
            report.error(mention, f"{where}: no sender is called {_unknown(str(value), known.senders)}")
        case "person" | "assign" | "colleague" if workspace.people:
            _check_person(mention, report, workspace)
        case _:
            pass


def _unknown(name: str, known: Collection[str]) -> str:
    return short(name) + near(name, known)


def _check_person(mention: Mention, report: Report, workspace: Workspace) -> None:
    name = str(mention.value)
    if mention.what == "assign" and name in set(Role):
        if not workspace.with_role(Role(name)):
            report.warn(mention, f"{mention.where}: nobody in people.yaml has the role {name!r}")
    elif workspace.person(name) is None:
        roles = tuple(Role) if mention.what == "assign" else ()
        people = (*workspace.people, *(person.name for person in workspace.people.values()))
        hint = near(name, (*people, *roles), cutoff=ALIKE)
        report.warn(mention, f"{mention.where}: {short(name)} is not in people.yaml{hint}")


def _stems(templates: Collection[str]) -> dict[str, dict[str, set[str]]]:
    """For e-mails and scripts: the templates in each folder, by their full names without the ending."""
    found: dict[str, dict[str, set[str]]] = {"email": defaultdict(set), "script": defaultdict(set)}
    for template in templates:
        stem, _, ending = template.rpartition(".")
        if stem and ending in ENDINGS:
            found[ENDINGS[ending]][stem.partition("/")[0]].add(stem)
    return found


def _check_template(mention: Mention, report: Report, cadence: str, stems: Mapping[str, Collection[str]]) -> None:
    name = str(mention.value)
    own, shared = stems.get(cadence, ()), stems.get(name.partition("/")[0], ())
    if f"{cadence}/{name}" in own or name in shared:
        return
    ending = next(ending for ending, what in ENDINGS.items() if what == mention.what)
    bare = name.removeprefix("templates/").removesuffix(".html").removesuffix(".txt").removesuffix(".md")
    known = [stem.removeprefix(f"{cadence}/") for stem in own]
    found = stems.get(bare.partition("/")[0], ())
    if bare != name and (bare in known or bare in found):
        message = f"a template is named without its folder 'templates/' and its ending: {short(bare)}"
        report.error(mention, f"{mention.where}: {message}")
        return
    elsewhere = next((stem for stem in stems.get("shared", ()) if stem == f"shared/{name}"), None)
    hint = near(name, [*known, *shared]) or (f"; did you mean {elsewhere!r}?" if elsewhere else "")
    report.error(mention, f"{mention.where}: there is no templates/{cadence}/{name}.{ending}{hint}")


@dataclass(slots=True)
class Mails:
    """Every e-mail by its full name, in its folder: those that steps send, and those that have a template."""

    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    last_parts: dict[str, str] = field(default_factory=dict)  # to a full name that ends with it

    def add(self, full: str) -> None:
        """Take note of an e-mail."""
        self.folders[full.partition("/")[0]].add(full)
        self.last_parts.setdefault(full.rpartition("/")[2], full)

    def has(self, name: str, cadence: str) -> bool:
        """Whether a cadence can mean something by this name."""
        return f"{cadence}/{name}" in self.folders.get(cadence, ()) or name in self._beside(name)

    def near(self, name: str, cadence: str) -> str:
        """The hint for a name that means nothing; it looks in few folders, because a workspace may have many."""
        own = [full.removeprefix(f"{cadence}/") for full in self.folders.get(cadence, ())]
        elsewhere = self.last_parts.get(name)
        return (
            near(name, own)
            or near(name, self._beside(name))
            or (near(name, [elsewhere], cutoff=0) if elsewhere else "")
        )

    def _beside(self, name: str) -> Collection[str]:
        return self.folders.get(name.partition("/")[0], ())


def _mails(reports: Mapping[str, Report], known: Known) -> Mails:
    found = Mails()
    for path, report in reports.items():
        cadence = path.removeprefix("cadences/").removesuffix(".yaml")
        for mention in report.mentions:
            if mention.what == "email":
                found.add(f"{cadence}/{mention.value}")
                if "/" in str(mention.value):
                    found.add(str(mention.value))
    for template in known.templates or ():
        stem, _, ending = template.rpartition(".")
        if ENDINGS.get(ending) == "email":
            found.add(stem)
    return found


def _check_gate(mention: Mention, condition: Condition, report: Report, ranges: Mapping[str, Range]) -> None:
    """Refuse what holds for nobody because it contradicts itself; warn of what asks for more points than there are."""
    if can_hold(condition, ranges):
        return
    if not can_hold(condition):
        report.error(mention, f"{mention.where}: this can never hold, it contradicts itself")
        return
    reach = [f"{name} from {low:g} to {high:g}" for name, (low, high) in ranges.items() if name in condition.names]
    report.warn(mention, f"{mention.where}: this can never hold; possible is {', '.join(reach)}")


def _check_loops(workspace: Workspace, reports: Mapping[str, Report]) -> None:
    """A lead must never be handed round in a circle within one pass."""
    onward = {name: at_once(cadence) for name, cadence in workspace.cadences.items()}
    told: set[frozenset[str]] = set()
    for start in sorted(onward):
        circle = _circle(start, onward)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            report = reports[workspace.cadences[start].file]
            onto = circle[1] if len(circle) > 1 else start
            mentions = (m for m in report.mentions if m.what == "cadence" and m.value == onto)
            at = next(mentions, Place(onward[start][onto], 1))
            way = " -> ".join((*circle, start))
            report.error(at, f"enroll: a lead would go round for ever: {way}; put a 'wait:' on the way")


def _circle(start: str, onward: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """The shortest way from a cadence back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        for after in onward.get(way[-1], ()):
            if after == start:
                return way
            if after not in seen:
                seen.add(after)
                ways.append((*way, after))
    return ()


def _check_rivals(workspace: Workspace, reports: Mapping[str, Report], ranges: Mapping[str, Range]) -> None:
    """Cadences that can want the same lead with the same priority: only the name decides, which nobody meant."""
    equal: dict[int, list[tuple[str, Condition]]] = defaultdict(list)
    left = MOST_RIVALS
    for name, cadence in sorted(workspace.cadences.items()):
        when = cadence.entry.when
        if when is None or not cadence.exclusive:
            continue
        before = equal[cadence.priority]
        rival = None
        for other, wants in before:
            if told_apart(wants, when):
                continue
            left -= 1
            if left > 0 and _compete(wants, when, ranges):
                rival = other
                break
        if rival is not None:
            report = reports[cadence.file]
            at = next((m for m in report.mentions if m.what == "condition" and m.where == "when"), Place(1, 1))
            message = f"enroll: {short(rival)} can want the same leads with the same priority, and comes first"
            report.warn(at, f"{message}; give one a larger 'priority:'")
        before.append((name, when))


def _compete(one: Condition, other: Condition, ranges: Mapping[str, Range]) -> bool:
    """Whether some lead fits both; one that does not name the status asks for those that are nurturing."""
    if one == other:
        return True
    named = [when for when in (one, other) if "status" in when.names]
    if len(named) == 1 and not can_both_hold(named[0], NURTURING, ranges):
        return False
    return can_both_hold(one, other, ranges)
