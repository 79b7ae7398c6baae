"""What is in force: the applied cadences in all their versions, scoring, readiness, people, sources, templates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from nurture.domain.draft import Draft, Quoted, Rendered, Unrendered
    from nurture.domain.errors import Problem
    from nurture.domain.walk import Program
    from nurture.domain.workspace import Workspace


class RenderedEmail(Protocol):
    """An e-mail rendered for one lead. `links` are the targets in the order of their first use."""

    @property
    def subject(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def links(self) -> tuple[str, ...]: ...
    @property
    def quoted(self) -> Quoted | None: ...


class Needs(Protocol):
    """What a template does with names, `x.NAME` for custom fields: only shows them, or works with their values.

    `lists`: it goes through what was said and done, which differs from lead to lead.
    """

    @property
    def shown(self) -> Collection[str]: ...
    @property
    def used(self) -> Collection[str]: ...
    @property
    def lists(self) -> bool: ...


class Templates(Protocol):
    """The applied templates, compiled once."""

    def email(self, path: str, names: Mapping[str, Any], link: Callable[[str], str]) -> RenderedEmail:
        """Render both parts. Raises a NurtureError that says which template, which line and why."""

    def sender(self, path: str) -> str | None:
        """Whom the e-mail at a path names as its sender in its front matter; None: nobody, or there is no such one."""

    def script(self, path: str, names: Mapping[str, Any]) -> str:
        """Render a call script or the text of a task."""

    def resolve(self, cadence: str, name: str, kind: Literal["email", "script"]) -> str:
        """The path of a template: under the cadence's folder, else from the root."""

    def needs(self, path: str, kind: Literal["email", "script"]) -> Needs:
        """What a template does with each name, without rendering it."""

    def problems(
        self, path: str, kind: Literal["email", "script"], *, custom: Collection[str] | None = None
    ) -> list[Problem]:
        """What is wrong with a template before anyone is written to. `custom`: the custom fields; None: not known."""

    def blanks(self, path: str, kind: Literal["email", "script"], known: Collection[str], *, of: str) -> list[Problem]:
        """A warning for each name besides the known ones that may be missing, and that nothing stands in for."""


class Begun(Protocol):
    """Mails that are being made, in the order of their drafts; those that are not there yet are waited for."""

    @property
    def is_ready(self) -> bool:
        """Whether nothing would be waited for."""

    def __iter__(self) -> Iterator[Rendered | Unrendered]: ...


class Renderer(Protocol):
    """Makes mails of drafts, here or in another process."""

    def begin(self, drafts: Sequence[Draft], templates: Templates) -> Begun:
        """Begin to make the mails of drafts."""

    def close(self) -> None:
        """End what was started."""


@dataclass(frozen=True)
class InForce:
    """One generation of what `apply` put in force. `program` also knows older versions, for leads in flight.

    `read_templates` is called when the templates are first asked for: most commands make no mail.
    """

    generation: int
    workspace: Workspace
    versions: Mapping[str, int]
    program: Callable[[str, int], Program]
    read_templates: Callable[[], Templates]

    @cached_property
    def templates(self) -> Templates:
        """The templates among the files."""
        return self.read_templates()


class Files(Protocol):
    """Reads the files that marketers write."""

    def read(self, sources: Mapping[str, str], *, unread: Sequence[Problem] = ()) -> tuple[Workspace, list[Problem]]:
        """The workspace that these texts (path -> text) make, and every problem of all of them.

        `unread` are the problems of files that are no texts; what they hold counts as existing.
        """

    def templates(self, sources: Mapping[str, str]) -> Templates:
        """The templates among these files, compiled when first used."""


class Rules(Protocol):
    """What is in force in a database."""

    def in_force(self, generation: int | None = None) -> InForce:
        """The latest applied generation; read again only after an `apply`. `generation`: its number, where known."""
