"""What every benchmark gives: lines of one table, each a path beside a rival that was measured in the same run."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from nurture.commands import COLLECT_AFTER
from nurture.daemon.lifecycle import SWITCH

DATABASES: Final = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure. `quick`: sizes and rounds for trying it out, under a minute; its figures prove nothing."""

    quick: bool = False
    databases: Sequence[str] = DATABASES  # those to measure on, where a benchmark needs one

    many: int = 0  # leads (or what else it is about), where `--size` says so

    def size(self, whole: int, quick: int) -> int:
        """How many leads, touches, files."""
        return self.many or self.pick(whole, quick)

    def pick(self, whole: int, quick: int) -> int:
        """Anything else that is smaller in a quick run: a number of rounds."""
        return quick if self.quick else whole


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. `measured` is a ratio or a count; never bare seconds. Without a mark it only informs."""

    path: str
    beside: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def mark(self) -> str:
        """The mark as it is read."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}" if self.at_most is not None else ""

    @property
    def missed(self) -> bool:
        """Whether it has a mark and does not reach it."""
        low = self.at_least is not None and self.measured < self.at_least
        return low or (self.at_most is not None and self.measured > self.at_most)

    @property
    def verdict(self) -> str:
        """The last column."""
        return "" if not self.mark else "MISSED" if self.missed else "ok"


Rows = Callable[[Options], Iterable[Result]]
HEAD: Final = ("path", "beside", "mark", "measured", "")


def table(results: Iterable[Result]) -> Iterator[str]:
    """The lines of the table."""
    cells = [(one.path, one.beside, one.mark, f"{one.measured:.3g}", one.verdict) for one in results]
    widths = [max(len(line[at]) for line in (HEAD, *cells)) for at in range(len(HEAD))]
    for line in (HEAD, tuple("-" * width for width in widths), *cells):
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()


def _as_the_daemon() -> None:
    """Collect garbage as seldom, and let threads take turns as often; for all that is compared."""
    gc.set_threshold(COLLECT_AFTER)
    sys.setswitchinterval(SWITCH)


def measured(name: str, asked: Options) -> list[Result]:
    """The rows of one benchmark. What it prints on the way goes to stderr."""
    _as_the_daemon()
    with redirect_stdout(sys.stderr):
        return list(import_module(f"benchmarks.{name}").rows(asked))


def options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> tuple[Options, argparse.Namespace]:
    """What a command line says, with what every benchmark understands."""
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--database", choices=DATABASES, help="only this one")
    parser.add_argument("--size", type=int, default=0, help="so many leads, touches, files: what it is about")
    given = parser.parse_args(arguments)
    return Options(given.quick, (given.database,) if given.database else DATABASES, given.size), given


def alone(charter: str | None, rows: Rows, arguments: Sequence[str] | None = None) -> int:
    """Measure one benchmark and print its table: what `python -m benchmarks.NAME` does. 1 where a mark is missed."""
    parser = argparse.ArgumentParser(description=charter, formatter_class=argparse.RawDescriptionHelpFormatter)
    _as_the_daemon()
    found = list(rows(options(parser, arguments)[0]))
    print(*table(found), sep="\n")
    return any(one.missed for one in found)
