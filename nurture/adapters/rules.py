"""The applied files -> what is in force: parsed once for each generation, older versions when a lead in flight asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from nurture.adapters.cadence_files.cadence import read_cadence
from nurture.adapters.cadence_files.workspace import read_files
from nurture.domain.errors import FilesError, Problem, RefusedError
from nurture.domain.walk import Program, program_of
from nurture.domain.workspace import Workspace

if TYPE_CHECKING:
    from nurture.adapters.rendering import Templates
    from nurture.ports import InForce, Store

TEMPLATES = "templates/"


class YamlFiles:
    """Reads YAML and templates. `webhooks` and `senders` are the names that the settings know; None: not checked.

    `limits` are the most touches of a lead by days, such as {7: 2}, for plans that they make impossible.
    """

    def __init__(
        self,
        *,
        webhooks: frozenset[str] | None = None,
        senders: frozenset[str] | None = None,
        limits: Mapping[int, int] | None = None,
    ) -> None:
        self._webhooks = webhooks
        self._senders = senders
        self._limits = limits

    def read(self, sources: Mapping[str, str], *, unread: Sequence[Problem] = ()) -> tuple[Workspace, list[Problem]]:
        """The workspace, and every problem of all files."""
        templates = {path.removeprefix(TEMPLATES) for path in sources if path.startswith(TEMPLATES)}
        return read_files(
            sources,
            unread=unread,
            templates=templates,
            webhooks=self._webhooks,
            senders=self._senders,
            limits=self._limits,
        )

    def in_force(self, sources: Mapping[str, str]) -> Workspace:
        """The workspace of files that were applied: what a later program has come to object to stays in force."""
        return read_files(sources, lenient=True)[0]

    def templates(self, sources: Mapping[str, str]) -> Templates:
        """The templates among these files."""
        from nurture.adapters.rendering import Templates

        prefix = TEMPLATES
        texts = {path.removeprefix(prefix): text for path, text in sources.items() if path.startswith(prefix)}
        return Templates(texts, senders=self._senders)


class AppliedRules:
    """What is in force in one database. Reads again only when the generation has changed."""

    def __init__(self, store: Store, files: YamlFiles) -> None:
        self._store = store
        self._files = files
        self._lock = Lock()
        self._current: InForce | None = None
        self._programs: dict[tuple[str, int], Program] = {}

    def in_force(self, generation: int | None = None) -> InForce:
        """The latest applied generation; the database is not asked for it where the caller just read its number."""
        with self._lock:
            if self._current is not None and self._current.generation == generation:
                return self._current
            with self._store.unit(write=False) as work:
                generation = work.control.generation()  # with the files, for it may be another already
                if self._current is not None and self._current.generation == generation:
                    return self._current
                sources = work.control.files()
                versions = {name: version for name, (version, _) in work.control.versions().items()}
            workspace = self._files.in_force(sources)
            for name, cadence in workspace.cadences.items():
                self._programs[name, versions[name]] = program_of(cadence)
            from nurture.ports import InForce

            self._current = InForce(
                generation=generation,
                workspace=workspace,
                versions=versions,
                program=self._program,
                read_templates=lambda: self._files.templates(sources),
            )
            return self._current

    def _program(self, cadence: str, version: int) -> Program:
        """A version of a cadence, laid out. Raises RefusedError when the database does not have it."""
        found = self._programs.get((cadence, version))
        if found is None:
            with self._store.unit(write=False) as work:
                text = work.control.version(cadence, version)
            if text is None:
                raise RefusedError(f"Version {version} of {cadence} is not stored.", hint="Run: nurture database check")
            problems: list[Problem] = []
            read = read_cadence(text, f"cadences/{cadence}.yaml", problems, lenient=True)
            if read is None:
                raise FilesError(problems)
            found = self._programs[cadence, version] = program_of(read)
        return found
