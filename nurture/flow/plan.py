"""Files against what is in force: what `apply` would change, and apply. Broken files never take effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.cadence import Cadence, Email, PersonTask, Stream, structure
from nurture.domain.errors import FilesError, Problem
from nurture.domain.walk import program_of
from nurture.domain.workspace import Workspace
from nurture.ports import Files, InForce, Store
from nurture.ports.store import Change

CADENCES = "cadences/"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a plan. `change` is added, removed, retimed, moved, text, stage or sender."""

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

    @property
    def is_empty(self) -> bool:
        """Nothing differs."""
        return not self.files


def plan(sources: Mapping[str, str], *, files: Files, store: Store, rules: InForce) -> Plan:
    """Compare files with what is in force. Raises FilesError with every problem when they cannot take effect."""
    workspace, problems = files.read(sources)
    problems += template_problems(sources, workspace, files)
    errors = sorted({problem for problem in problems if problem.severity == "error"})
    if errors:
        raise FilesError(errors)
    with store.unit(write=False) as work:
        applied = work.control.files()
        known = work.control.versions()
        standing = work.enrollments.select()
    changed: dict[str, str | None] = {path: text for path, text in sources.items() if applied.get(path) != text}
    changed |= {path: None for path in applied if path not in sources}
    differences: list[Difference] = []
    versions: dict[str, tuple[int, str]] = {}
    same: dict[str, tuple[int, str]] = {}
    for name, cadence in sorted(workspace.cadences.items()):
        shape = structure(cadence)
        version, old_shape = known.get(name, (0, ""))
        leads = sum(1 for one in standing if one.cadence == name and one.ended_at is None)
        if version == 0 or shape != old_shape:
            versions[name] = (version + 1, shape)
            before = rules.workspace.cadences.get(name)
            differences += _steps(name, before, cadence, version or None, version + 1, leads)
        elif f"{CADENCES}{name}.yaml" in changed:
            same[name] = (version, shape)
            differences.append(
                Difference(
                    name, "text", from_version=version, to_version=version, leads=leads, text="settings or items"
                )
            )
    for name in sorted(rules.workspace.cadences.keys() - workspace.cadences.keys()):
        leads = sum(1 for one in standing if one.cadence == name and one.ended_at is None)
        differences.append(Difference(name, "removed", from_version=rules.versions.get(name), leads=leads))
    for path in sorted(changed):
        if not path.startswith(CADENCES):
            kind = "added" if path not in applied else "removed" if changed[path] is None else "text"
            differences.append(Difference("", kind, text=path))
    return Plan(tuple(differences), changed, workspace, versions, same)


def _steps(
    name: str, before: Cadence | None, after: Cadence, old: int | None, new: int, leads: int
) -> list[Difference]:
    """Contact steps added and removed; `retimed` where neither, but waits or branches differ."""
    if before is None:
        return [Difference(name, "added", to_version=new, leads=0)]
    was, now = program_of(before).contacts, program_of(after).contacts
    found = [Difference(name, "added", step, old, new, leads) for step in now if step not in was]
    found += [Difference(name, "removed", step, old, new, leads) for step in was if step not in now]
    return found or [Difference(name, "retimed", from_version=old, to_version=new, leads=leads)]


def template_problems(sources: Mapping[str, str], workspace: Workspace, files: Files) -> list[Problem]:
    """What is wrong with the templates that the cadences use."""
    templates = files.templates(sources)
    found: set[Problem] = set()
    for name, cadence in workspace.cadences.items():
        for op in program_of(cadence).ops:
            match op:
                case Email(template=template):
                    found |= set(templates.problems(templates.resolve(name, template, "email"), "email"))
                case PersonTask(template=template):
                    found |= set(templates.problems(templates.resolve(name, template, "script"), "script"))
                case Stream(items=items):
                    for item in items:
                        found |= set(templates.problems(templates.resolve(name, item, "email"), "email"))
                case _:
                    pass
    return sorted(found)


def apply(made: Plan, *, store: Store, now: datetime, by: str, dry_run: bool = False) -> None:
    """Put a plan in force, in one transaction. Leads in flight stay on their version; entry conditions are asked anew."""
    with store.unit() as work:
        for name, (version, shape) in {**made.versions, **made.same_structure}.items():
            content = made.files.get(f"{CADENCES}{name}.yaml")
            if content is not None:
                work.control.put_version(name, version, structure=shape, content=content, at=now, by=by)
        work.control.put_files(made.files, at=now, by=by)
        work.notes.add([Change("applied", f"{len(made.files)} files applied", now, by=by)])
        if not dry_run:
            work.commit()
