"""The command line: the table of contents."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

from nurture import __version__
from nurture.commands.context import Session, default_person
from nurture.commands.output import fail, say, show
from nurture.commands.parameters import unburdened
from nurture.domain.errors import NurtureError, RequestError, UnreachableError

COLLECT_AFTER: Final = 200_000  # new objects
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# Each command or group: the module that has it, imported when it is asked for, and its line in the list of all.
CONTENTS: Final = {
    "init": ("workspace", "Make a workspace that works, with cadences and templates."),
    "check": ("workspace", "List all problems of all files at once."),
    "schema": ("workspace", "Print the JSON Schema of a file, for editors."),
    "plan": ("change", "Show, like a diff, what apply would do."),
    "apply": ("change", "Put the files of the workspace in force."),
    "simulate": ("simulate", "Run the daemon's own passes on a copy, ahead of time."),
    "daemon": ("daemon", "Run until stopped: the scheduler, the web, the webhooks."),
    "tick": ("daemon", "Run one pass, then exit."),
    "status": ("daemon", "Show what waits, and what is paused or in doubt."),
    "doctor": ("daemon", "Look for what would go wrong."),
    "demo": ("daemon", "Live through a year of nurture in a minute."),
    "enroll": ("enrollment", "Enroll a lead in a cadence by hand."),
    "pause": ("enrollment", "Stop touching a lead for a while."),
    "resume": ("enrollment", "Let a lead go on that somebody paused."),
    "stop": ("enrollment", "End the enrollments of a lead."),
    "why": ("enrollment", "Why a lead was, or was not, contacted or promoted."),
    "respond": ("respond", "Record what a lead did."),
    "lead": ("lead", "Leads: in, out, and what is known about them."),
    "company": ("company", "The employers of leads."),
    "enrollment": ("enrollment", "Who is in which cadence."),
    "cadence": ("cadence", "Cadences in force."),
    "template": ("cadence", "What a lead would get."),
    "touch": ("touch", "What was sent, waits, or was not made."),
    "send": ("touch", "All sending at once."),
    "mailer": ("touch", "What carries the mail."),
    "link": ("touch", "Links in mails, also in those that were delivered."),
    "task": ("task", "The queue of calls and other work of people."),
    "inbox": ("inbox", "What a person must look at first."),
    "promise": ("promise", "What we told a lead we would do on a date."),
    "handoff": ("handoff", "What sales was offered, and what it answers."),
    "response": ("handoff", "Responses that were recorded."),
    "suppression": ("suppression", "Addresses that must not be contacted."),
    "report": ("report", "What became of leads, and of what was sent."),
    "scoring": ("scoring", "Scoring rules against past outcomes."),
    "token": ("token", "Tokens of the API."),
    "database": ("daemon", "The database: schema, checks, backup."),
}


@cache
def commands_of(module: str) -> TyperGroup:
    """The commands and groups that a module has."""
    mounted = typer.Typer(rich_markup_mode=None)
    import_module(f"nurture.commands.{module}").mount(mounted)
    return unburdened(get_group(mounted))


class _Contents(TyperGroup):
    """All commands by name. A module is imported when one of its commands is asked for: help and `why` stay quick."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = dict.fromkeys(CONTENTS)  # type: ignore[assignment]  # their names; what they are comes later
        unburdened(self)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return commands_of(CONTENTS[cmd_name][0]).commands[cmd_name] if cmd_name in CONTENTS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in CONTENTS.items()])


app = typer.Typer(
    name="nurture",
    cls=_Contents,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    help="Long-term lead nurture: few leads, each one worth the call.",
)


def _show_version(asked: bool) -> None:
    if asked:
        show(f"nurture {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", envvar="NURTURE_WORKSPACE", help="Folder of the workspace.")
    ] = Path(),
    person: Annotated[str, typer.Option("--as", envvar="NURTURE_USER", help="Who acts; every change records it.")] = "",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Long-term lead nurture."""
    del version  # shown by then
    ctx.obj = Session(workspace, person or default_person())
    ctx.call_on_close(ctx.obj.close)


def _refuse_no_text(argument: str) -> None:
    """Bytes of a terminal with another encoding, which Python keeps as they are: only the name of a file may have them.

    No database takes them. Raises RequestError.
    """
    told = argument if argument.isascii() else os.fsencode(argument).decode("utf-8", "replace")
    if told != argument and not os.path.exists(argument):
        raise RequestError(f"{told[:60]!r} is no text in UTF-8.", hint="Let the terminal or script send UTF-8.")


def main() -> None:
    """Run the command line: an error for a person is one sentence and an exit code, a bug keeps its traceback."""
    # What a command imports stays until it ends. At Python's usual 700 the collector walks through it again and again,
    # a tenth of a start, and finds nothing.
    gc.set_threshold(COLLECT_AFTER)
    # Nor has it anything to find at the end, where it would walk through all of it once more: a fifth of a command.
    atexit.register(gc.freeze)
    # Where it is needed, Pydantic looks for plugins by reading what each installed package says of itself. We use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        for argument in sys.argv[1:]:
            _refuse_no_text(argument)
        try:
            app(standalone_mode=True, prog_name="nurture")
        finally:
            sys.stdout.flush()  # where it fails, it is said, rather than ignored as Python ends
    except NurtureError as problem:
        sys.exit(fail(problem))
    except OSError as problem:
        if problem.errno not in (*NO_ROOM, errno.EPIPE):
            raise
        # What is still in the buffer cannot be written either: nobody hears of it a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if problem.errno == errno.EPIPE:  # who read it has enough
            sys.exit(1)
        words = f"Not all could be written: {problem.strerror}."
        sys.exit(fail(UnreachableError(words, hint="Make room where the output goes. What was stored stays so.")))
    except KeyboardInterrupt:
        say("nurture: stopped.")
        sys.exit(130)
