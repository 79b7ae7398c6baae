"""All benchmarks behind one command: `python -m benchmarks` lists them, `python -m benchmarks NAME... | all` runs them.

`--quick` tries them at small sizes, `--database sqlite|postgresql` keeps to one. Each runs in a fresh process, one
after the other; what they say meanwhile goes to stderr, and one table to stdout. Exit code 1 when a mark is missed, 3
when a benchmark failed.
"""

from __future__ import annotations

import argparse
import ast
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.result import Result, measured, options, table

HERE: Final = Path(__file__).parent
# Minutes to hours for each: run when named, not by `all`.
ONLY_BY_NAME: Final = frozenset({"bank", "simulate_daemon"})


def contents() -> dict[str, str]:
    """Every benchmark that has rows, with the first line of its charter."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if any(isinstance(one, ast.FunctionDef) and one.name == "rows" for one in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def main(arguments: list[str] | None = None) -> int:
    """List them, or run what is asked for and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; `all` for all but the very long ones")
    asked, given = options(parser, arguments)
    known = contents()
    if not given.names:
        for name, charter in known.items():
            print(f"{name:18} {charter}{' Only by name: long.' if name in ONLY_BY_NAME else ''}")
        return 0
    wanted = [name for name in known if name in given.names or ("all" in given.names and name not in ONLY_BY_NAME)]
    if unknown := set(given.names) - known.keys() - {"all"}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    found: list[Result] = []
    failed = []
    for name in wanted:
        began = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            try:
                found += fresh.submit(measured, name, asked).result()
            except Exception:  # noqa: BLE001  one that fails must not hide what the others found
                traceback.print_exc()
                failed.append(name)
        print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(*table(found), *(f"{name} failed: its error is above." for name in failed), sep="\n")
    return 3 if failed else any(one.missed for one in found)


if __name__ == "__main__":
    sys.exit(main())
