"""A workspace on disk, as an operator would keep it: settings, a key, cadences and templates, put in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nurture.domain.cadence import structure
from nurture.wiring import App, open_app
from tests.flow.loop import HTML, SCRIPT, TEXT

SETTINGS = """
[calendar]
timezone = "Europe/Paris"
country = "FR"
[mail]
provider = "{provider}"
from = "Dana Reyes <dana@acme.example>"
reply_domain = "reply.acme.example"
postal_address = "Acme, 1 Example Street, Springfield"
{mail}
[web]
public_url = "https://go.acme.example"
[database]
url = "{database}"
{more}
"""


def make(
    folder: Path,
    cadences: Mapping[str, str],
    *,
    mails: tuple[str, ...],
    scripts: tuple[str, ...] = (),
    provider: str = "outbox",
    mail: str = "",
    more: str = "",
    database: str = "sqlite:///nurture.db",
) -> Path:
    """Write the files. `mails` and `scripts` are CADENCE/NAME, `mail` and `more` lines of nurture.toml."""
    (folder / ".nurture").mkdir(parents=True)
    key = folder / ".nurture" / "secret.key"
    key.write_text("a key for tests, and for nothing else")
    key.chmod(0o600)
    settings = SETTINGS.format(provider=provider, mail=mail, more=more, database=database)
    (folder / "nurture.toml").write_text(settings)
    texts = {f"cadences/{name}.yaml": text for name, text in cadences.items()}
    for path in mails:
        texts |= {f"templates/{path}.html": HTML.format(name=path), f"templates/{path}.txt": TEXT}
    texts |= {f"templates/{path}.md": SCRIPT for path in scripts}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def opened(folder: Path, **how: Any) -> App:
    """The workspace, opened, with its files in force."""
    app = open_app(folder, **how)
    sources, problems = app.read_files()
    assert not problems, problems
    read, found = app.files.read(sources)
    errors = [str(one) for one in found if one.severity == "error"]
    assert not errors, errors
    now = app.clock.now()
    with app.store.unit() as work:
        for name, cadence in read.cadences.items():
            content = sources[f"cadences/{name}.yaml"]
            work.control.put_version(name, 1, structure=structure(cadence), content=content, at=now, by="tester")
        work.control.put_files(sources, at=now, by="tester")
        work.commit()
    return app


def hurried(app: App, **policy: Any) -> App:
    """The same workspace with another policy, where no setting says it."""
    app.policy = replace(app.policy, **policy)  # a cached property, filled before it is asked for
    return app
