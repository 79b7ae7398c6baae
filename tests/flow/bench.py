"""A workspace whose files are applied to a database of its own: for what plan and apply do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nurture.adapters.rules import AppliedRules, YamlFiles
from nurture.domain.lead import Lead
from nurture.flow import plan as arrow
from nurture.flow.plan import Difference, Moved, Plan
from tests.builders import a_lead, a_store
from tests.flow.loop import HTML, SCRIPT, TEXT, Loop, a_cadence, a_policy

COURSE = """
    - email: one
    - wait: 10 days
    - email: two
    - wait: 5 days
    - call: talk
"""


@dataclass
class Bench(Loop):
    """A loop whose rules are what was applied to its database."""

    files: YamlFiles = field(default_factory=YamlFiles)
    sources: dict[str, str] = field(default_factory=dict)

    def write(
        self, steps: str, *, name: str = "course", more: str = "", mails: str = "one two three", calls: str = ""
    ) -> None:
        """Write a cadence, and the templates it may name."""
        self.sources[f"cadences/{name}.yaml"] = a_cadence(steps, name=name, more=f"{more}\n" if more else "")
        for mail in mails.split():
            self.sources.setdefault(f"templates/{name}/{mail}.html", HTML.format(name=mail))
            self.sources.setdefault(f"templates/{name}/{mail}.txt", TEXT)
        for call in ("talk " + calls).split():
            self.sources.setdefault(f"templates/{name}/{call}.md", SCRIPT)

    def plan(self) -> Plan:
        """What apply would do."""
        return arrow.plan(self.sources, files=self.files, **self.common)

    def apply(self, *, migrate: bool = False, dry_run: bool = False) -> list[Moved]:
        """Put the files in force."""
        moved = arrow.apply(
            self.plan(), store=self.store, policy=self.policy, now=self.now, by="tester", migrate=migrate,
            dry_run=dry_run,
        )  # fmt: skip
        self.rules = AppliedRules(self.store, self.files).in_force()
        return moved

    def leads(self, number: int = 1) -> list[Lead]:
        """Leads, enrolled in the course."""
        made = [a_lead(self.store, phone="+33123456789") for _ in range(number)]
        self.enroll(*made)
        return made

    def changed(self) -> list[tuple[str, str]]:
        """(change, step) of each difference."""
        return [(one.change, one.step) for one in self.plan().differences]

    def difference(self, change: str, step: str = "") -> Difference:
        """The one difference of this kind."""
        (found,) = [one for one in self.plan().differences if (one.change, one.step) == (change, step)]
        return found


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    """A course in force."""
    files = YamlFiles()
    with a_store(f"sqlite:///{folder / 'nurture.db'}") as store:
        made = Bench(store, AppliedRules(store, files).in_force(), a_policy(), files=files)
        made.write(COURSE)
        made.apply()
        yield made
