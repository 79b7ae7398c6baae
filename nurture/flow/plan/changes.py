"""Compare the files with what is in force: what `apply` would change, for whom, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nurture.domain.cadence import Cadence, structure
from nurture.domain.differences import StepChange, compare
from nurture.domain.enrollment import OPEN, Enrollment
from nurture.domain.errors import FilesError, Problem
from nurture.domain.walk import Program, program_of
from nurture.flow.plan.failing import Rendered, failures
from nurture.flow.plan.in_flight import Standing, standings
from nurture.flow.plan.upcoming import Upcoming, counted, look
from nurture.moves.template_uses import Use, template_problems, uses_of
from nurture.ports import Files, InForce, Store

if TYPE_CHECKING:
    from nurture.domain.policy import Policy
    from nurture.domain.workspace import Workspace

CADENCES = "cadences/"
TEMPLATES = "templates/"
SCORING = "scoring.yaml"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a plan. `change` is added, removed, retimed, moved, text, stage or sender.

    `leads`: those in flight that still have it ahead, or whose stage would change. `old_due` and `new_due`: when the
    first of them is due, as it is and with `--migrate`.
    """

    cadence: str
    change: str
    step: str = ""
    from_version: int | None = None
    to_version: int | None = None
    leads: int = 0
    old_due: datetime | None = None
    new_due: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `apply` would do. `files` holds the new content of each file that differs; None removes it."""

    differences: tuple[Difference, ...]
    files: Mapping[str, str | None]
    workspace: Workspace
    versions: Mapping[str, tuple[int, str]]  # the cadences whose version is new: number, structure
    same_structure: Mapping[str, tuple[int, str]]  # those whose text alone is new
    generation: int = 0  # what was in force when this was made
    rules: InForce | None = None  # what would be in force, with the old versions
    in_flight: Mapping[str, int] = field(default_factory=dict)  # leads of each cadence that gets a new version
    rendered: Rendered = field(default_factory=lambda: Rendered((), 0))
    upcoming: tuple[Upcoming, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Nothing differs."""
        return not self.files


def plan(
    sources: Mapping[str, str],
    *,
    files: Files,
    store: Store,
    rules: InForce,
    policy: Policy,
    now: datetime,
    unread: Sequence[Problem] = (),
) -> Plan:
    """Compare files with what is in force. Raises FilesError with every problem when they cannot take effect."""
    workspace, problems = files.read(sources, unread=unread)
    with store.unit(write=False) as work:
        generation = work.control.generation()
        applied = work.control.files()
        known = work.control.versions()
        standing = [one for one in work.enrollments.select() if one.state in OPEN]
    changed: dict[str, str | None] = {path: text for path, text in sources.items() if applied.get(path) != text}
    changed |= {path: None for path in applied if path not in sources}
    if any(path.startswith((CADENCES, TEMPLATES)) for path in changed):  # what is in force was checked before
        problems += template_problems(sources, workspace, files.templates(sources))
    errors = sorted({problem for problem in problems if problem.severity == "error"})
    if errors:
        raise FilesError(errors)
    versions: dict[str, tuple[int, str]] = {}
    same: dict[str, tuple[int, str]] = {}
    for name, cadence in sorted(workspace.cadences.items()):
        shape = structure(cadence)
        version, old_shape = known.get(name, (0, ""))
        if version == 0 or shape != old_shape:
            versions[name] = (version + 1, shape)
        elif f"{CADENCES}{name}.yaml" in changed:
            same[name] = (version, shape)
    ahead = _ahead(workspace, versions, sources, files, rules)
    common: dict[str, Any] = {"store": store, "rules": ahead, "policy": policy, "now": now}
    rescored = SCORING in changed
    outlook = look(**common, rescored=rescored)
    made = Plan((), changed, workspace, versions, same, generation, ahead, upcoming=tuple(counted(outlook, **common)))
    if made.is_empty:
        return made
    flying = {name: [one for one in standing if one.cadence == name] for name in workspace.cadences}
    differences: list[Difference] = []
    for name in sorted(workspace.cadences):
        differences += _of_cadence(name, made, rules, flying[name], common)
    for name in sorted(rules.workspace.cadences.keys() - workspace.cadences.keys()):
        leads = [one for one in standing if one.cadence == name]
        words = "its leads go on with it to its end" if leads else ""
        differences.append(
            Difference(name, "removed", from_version=rules.versions.get(name), leads=len(leads), text=words)
        )
    differences += _of_templates(made, rules, flying, applied)
    differences += [_of_file(path, text, applied) for path, text in sorted(changed.items()) if "/" not in path]
    differences += [
        Difference("", "stage", leads=leads, text=f"{was} -> {becomes}")
        for (was, becomes), leads in sorted(outlook.stages.items())
    ]
    return replace(
        made,
        differences=tuple(differences),
        in_flight={name: len(flying[name]) for name in versions},
        rendered=failures(outlook.entering, standing, **common),
    )


def _ahead(
    workspace: Workspace,
    versions: Mapping[str, tuple[int, str]],
    sources: Mapping[str, str],
    files: Files,
    rules: InForce,
) -> InForce:
    """What would be in force. Versions that leads are in stay as they are."""
    numbers = {**rules.versions, **{name: version for name, (version, _) in versions.items()}}
    programs = {name: program_of(cadence) for name, cadence in workspace.cadences.items()}

    def program(name: str, version: int) -> Program:
        return programs[name] if name in programs and version == numbers[name] else rules.program(name, version)

    return InForce(
        generation=-1,
        workspace=workspace,
        versions=numbers,
        program=program,
        read_templates=lambda: files.templates(sources),
    )


def _of_cadence(
    name: str, made: Plan, rules: InForce, flying: Sequence[Enrollment], common: Mapping[str, Any]
) -> list[Difference]:
    """What is different in one cadence, with the leads that still have it ahead."""
    before, after = rules.workspace.cadences.get(name), made.workspace.cadences[name]
    ahead = made.rules
    assert ahead is not None
    if name in made.versions:
        new = made.versions[name][0]
        old = new - 1 or None
        if before is None:
            return [Difference(name, "added", from_version=old, to_version=new)]
        stood = standings(flying, ahead.program(name, new), **common)
        found = [_counted(name, change, old, new, stood, after) for change in compare(before, after)]
        return found or [Difference(name, "moved", "", old, new, len(stood), text="branches or exits")]
    if name in made.same_structure:
        version = made.same_structure[name][0]
        changes = compare(before, after) if before is not None else ()
        if not changes:
            return [Difference(name, "text", "", version, version, text="comments or layout only")]
        return [
            Difference(name, one.change, one.step, version, version, len(flying) if one.step else 0, text=one.text)
            for one in changes
        ]
    return []


def _counted(
    name: str, change: StepChange, old: int | None, new: int, stood: Sequence[Standing], after: Cadence
) -> Difference:
    """A change with its leads, and when the first of them is due by the old and the new version."""
    waiting = [one for one in stood if not change.step or change.step in one.ahead or not _is_contact(change, after)]
    if not change.step and change.change == "text":
        waiting = []  # who enters, and in which order: nobody in flight
    olds = [one.enrollment.next_at for one in waiting if one.enrollment.next_at is not None]
    news = [one.new_due for one in waiting if one.new_due is not None]
    return Difference(
        name, change.change, change.step, old, new, len(waiting), min(olds, default=None), min(news, default=None),
        change.text,
    )  # fmt: skip


def _is_contact(change: StepChange, after: Cadence) -> bool:
    """Whether leads can be said to have this step ahead: what is removed, or stands there under an id."""
    return change.change == "removed" or change.step in program_of(after).contacts or change.step.startswith("stream-")


def _of_templates(
    made: Plan, rules: InForce, flying: Mapping[str, Sequence[Enrollment]], applied: Mapping[str, str]
) -> list[Difference]:
    """New texts, at the steps that show them. A layout, or a template that no step shows, stands for itself."""
    ahead = made.rules
    assert ahead is not None
    changed = {path: text for path, text in made.files.items() if path.startswith(TEMPLATES)}
    stems = {path.removeprefix(TEMPLATES).rpartition(".")[0] for path in changed}
    shown: dict[str, list[Use]] = {}
    for name, cadence in sorted(made.workspace.cadences.items()):
        if name in rules.workspace.cadences:
            before = {use.step for use in uses_of(program_of(rules.workspace.cadences[name]), rules.templates)}
        else:
            before = set()
        for use in uses_of(program_of(cadence), ahead.templates):
            if use.path in stems:
                # A step that is new itself is listed as such.
                shown.setdefault(use.path, []).extend([use] if use.step in before else [])
    found = []
    for stem, uses in sorted(shown.items()):
        for use in uses:
            version = ahead.versions[use.cadence]
            leads = sum(1 for one in flying[use.cadence] if _has_ahead(one, use, ahead))
            due = [
                one.next_at for one in flying[use.cadence] if one.next_at is not None and _has_ahead(one, use, ahead)
            ]
            first = min(due, default=None)
            words = f"{TEMPLATES}{stem}"
            found.append(Difference(use.cadence, "text", use.step, version, version, leads, first, first, words))
    rest = [path for path in sorted(changed) if path.removeprefix(TEMPLATES).rpartition(".")[0] not in shown]
    return found + [_of_file(path, changed[path], applied) for path in rest]


def _has_ahead(one: Enrollment, use: Use, ahead: InForce) -> bool:
    program = ahead.program(one.cadence, one.version)
    return any(other == use for other in uses_of(program, ahead.templates, since=one.place.pc))


def _of_file(path: str, text: str | None, applied: Mapping[str, str]) -> Difference:
    return Difference("", "added" if path not in applied else "removed" if text is None else "text", text=path)
