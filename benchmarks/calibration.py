"""The points table beside three models on past outcomes: `python -m benchmarks.calibration [FILE] [--outcome y]`.

Rows in the order of their dates, cut into equal blocks: learn on all blocks before, judge on the next one. Prints
ROC-AUC and the precision in the top 10 % for each block, of the points of `nurture scoring fit` (whole points, as they
stand in the file) beside a logistic regression, gradient boosting and a categorical naive Bayes with +0.1 smoothing on
the same rows; exit 1 where the table is more than 0.02 AUC behind the best of them on the average block. FILE is the
bank's campaign (`bank-additional.csv`, never with `duration`) or any other table, oldest row first. Without FILE:
made-up leads whose outcome depends on some of what is known. `--shape NAME`: made-up leads of `benchmarks.outcomes`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.outcomes import SHAPES, made_up
from benchmarks.result import Options, Result
from nurture.adapters.learning import learn
from nurture.domain.calibration import ranking
from nurture.domain.calibration.table import Example, is_numeric, number_of

Row = dict[str, str]
Scores = list[float]
BANK: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "bank" / "bank-additional.csv"
GOOD: Final = frozenset({"yes", "y", "1", "true", "accepted", "won"})
ALLOWED: Final = 0.02  # AUC behind the best model
BINS: Final = 10  # of a number, for naive Bayes
# The bank's sample is shuffled and its rows have months but no years. Published employment figures tell the year:
# the campaign ran from May 2008 to November 2010, and these are the quarters in that order.
QUARTERS: Final = (
    *("5191", "5228.1", "5195.8", "5176.3", "5099.1", "5076.2"),
    *("5017.5", "5023.5", "5008.7", "4991.6", "4963.6"),
)
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def read(path: Path) -> list[Row]:
    """The rows; the separator is whichever of semicolon, comma and tab the header has most."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header = stream.readline()
        stream.seek(0)
        return list(csv.DictReader(stream, delimiter=max(";,\t", key=header.count)))


def in_order(rows: list[Row], by: str | None) -> list[Row]:
    """By a column where one is named; the bank's by its dates; any other as it stands."""
    if by:
        numeric = is_numeric([row[by] for row in rows])
        return sorted(rows, key=lambda row: (number_of(row[by]) or 0.0, "") if numeric else (0.0, row[by]))
    if {"nr.employed", "month"} <= rows[0].keys():
        place = {float(number): place for place, number in enumerate(QUARTERS)}
        return sorted(rows, key=lambda row: (place[float(row["nr.employed"])], MONTHS.index(row["month"])))
    return rows


# Models beside the table -------------------------------------------------------------------------------------------


def points(past: Sequence[Example], later: Sequence[Example]) -> Scores:
    """The table of `scoring fit`."""
    table = learn(past)
    return [float(table.points(one.values)) for one in later]


def _columns(past: Sequence[Example]) -> tuple[list[str], list[str]]:
    names = list(past[0].values)
    numbers = [name for name in names if is_numeric([one.values[name] for one in past])]
    return numbers, [name for name in names if name not in numbers]


def _matrix(examples: Sequence[Example], numbers: Sequence[str], texts: Sequence[str]) -> Any:
    rows = [
        [*(number_of(one.values[name]) or 0.0 for name in numbers), *(str(one.values[name]) for name in texts)]
        for one in examples
    ]
    return np.array(rows, dtype=object)


def logistic(past: Sequence[Example], later: Sequence[Example]) -> Scores:
    """Standardized numbers and one column for each text."""
    numbers, texts = _columns(past)
    behind = list(range(len(numbers), len(numbers) + len(texts)))
    shaped = ColumnTransformer(
        [
            ("numbers", StandardScaler(), list(range(len(numbers)))),
            ("texts", OneHotEncoder(handle_unknown="ignore"), behind),
        ]
    )
    model = make_pipeline(shaped, LogisticRegression(max_iter=2000))
    model.fit(_matrix(past, numbers, texts), [one.good for one in past])
    return [float(one) for one in model.predict_proba(_matrix(later, numbers, texts))[:, 1]]


def boosted(past: Sequence[Example], later: Sequence[Example]) -> Scores:
    """Gradient boosting of trees."""
    numbers, texts = _columns(past)
    behind = list(range(len(numbers), len(numbers) + len(texts)))
    coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    shaped = ColumnTransformer([("texts", coded, behind)], remainder="passthrough")
    model = HistGradientBoostingClassifier(random_state=0)
    before = shaped.fit_transform(_matrix(past, numbers, texts)).astype(float)
    model.fit(before, [one.good for one in past])
    after = shaped.transform(_matrix(later, numbers, texts)).astype(float)
    return [float(one) for one in model.predict_proba(after)[:, 1]]


def bayes(past: Sequence[Example], later: Sequence[Example], *, smoothing: float = 0.1) -> Scores:
    """Categorical naive Bayes; numbers in equally filled bins. What was never seen gets the smoothing alone."""
    numbers, texts = _columns(past)
    scores = np.zeros(len(later))
    hits = sum(one.good for one in past)
    for name in [*numbers, *texts]:
        if name in numbers:
            seen = np.array([number_of(one.values[name]) or 0.0 for one in past])
            edges = np.unique(np.quantile(seen, np.linspace(0, 1, BINS + 1)[1:-1]))
            before = [int(one) for one in np.searchsorted(edges, seen, side="right")]
            ahead = np.array([number_of(one.values[name]) or 0.0 for one in later])
            after: list[Any] = [int(one) for one in np.searchsorted(edges, ahead, side="right")]
        else:
            before, after = [one.values[name] for one in past], [one.values[name] for one in later]  # type: ignore[misc]
        counts = {
            flag: Counter(cell for cell, one in zip(before, past, strict=True) if one.good is flag)
            for flag in (True, False)
        }
        kinds = len(set(before))
        for flag, sign, of in ((True, 1, hits), (False, -1, len(past) - hits)):
            scores += [sign * log((counts[flag][cell] + smoothing) / (of + smoothing * kinds)) for cell in after]
    return [float(one) for one in scores]


Model = Callable[[Sequence[Example], Sequence[Example]], Scores]
MODELS: Final[dict[str, Model]] = {
    "points": points,
    "logistic regression": logistic,
    "gradient boosting": boosted,
    "naive Bayes +0.1": bayes,
}


def judge(examples: Sequence[Example], blocks: int) -> dict[str, list[tuple[float, float]]]:
    """AUC and precision in the top 10 % of each model on each block after the first that has both outcomes."""
    edges = np.linspace(0, len(examples), blocks + 1).astype(int)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in MODELS}
    for begin, end in pairwise(edges[1:]):
        past, later = examples[:begin], examples[begin:end]
        good = [one.good for one in later]
        if len({one.good for one in past}) < 2 or len(set(good)) < 2:
            continue
        for name, model in MODELS.items():
            scores = model(past, later)
            found[name].append((ranking.auc(scores, good) or 0.0, ranking.top_share(scores, good, 0.1).precision))
    return found


def rows(options: Options) -> Iterator[Result]:
    """How far the table is behind the best model, on the bank's file where it is at hand."""
    behind = compared(*table_of(BANK if BANK.exists() else None, "y", []), options.pick(10, 5))
    yield Result("AUC lost by points that can be read", "the best of three models", behind, at_most=ALLOWED)


def main() -> int:
    """Run, print, and say by the exit code whether the table keeps up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=BANK if BANK.exists() else None)
    parser.add_argument("--outcome", default="y", help="the column with the outcome")
    parser.add_argument("--never", action="append", default=[], help="a column that is known only afterwards")
    parser.add_argument("--by", help="the column that gives the order")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--shape", choices=SHAPES, help="made-up outcomes instead of a file")
    given = parser.parse_args()
    if given.shape:
        behind = compared(given.shape, examples_of(SHAPES[given.shape](), "y"), given.blocks)
    else:
        behind = compared(*table_of(given.file, given.outcome, given.never, given.by), given.blocks)
    return int(behind > ALLOWED)


def table_of(file: Path | None, outcome: str, never: Sequence[str], by: str | None = None) -> tuple[str, list[Example]]:
    """What the rows are called, and each row of a file with its outcome."""
    known = in_order(read(file) if file else made_up(), by)
    return file.name if file else "made-up leads", examples_of(known, outcome, never)


def examples_of(known: Sequence[Row], outcome: str, never: Sequence[str] = ()) -> list[Example]:
    """Each row with its outcome, without what nobody knows beforehand."""
    left_out = {outcome, "duration", *never}
    return [
        Example({name: text for name, text in row.items() if name not in left_out}, row[outcome].lower() in GOOD)
        for row in known
    ]


def compared(title: str, examples: list[Example], blocks: int) -> float:
    """Print AUC and precision of all; how far the table is behind the best on the average block."""
    share = sum(one.good for one in examples) / len(examples)
    print(f"{title}: {len(examples)} rows, {100 * share:.1f} % good")
    with threadpool_limits(1):  # small data: threads would only wait for each other
        found = judge(examples, blocks)
    print(f"\n{'AUC on each block':24}{'':{5 * len(found['points'])}}  average")
    for place, said in ((0, ""), (1, "\nprecision in the top 10 %")):
        if said:
            print(said)
        for name, values in found.items():
            row = " ".join(f"{value[place]:.2f}" for value in values)
            print(f"  {name:22}{row}  {np.mean([value[place] for value in values]):.4f}")
    means = {name: float(np.mean([auc for auc, _ in values])) for name, values in found.items()}
    behind = max(value for name, value in means.items() if name != "points") - means["points"]
    table = learn(examples)
    print(f"\nThe table learned on all rows has {len(table.bands)} lines for {len(table.features)} features.")
    print(f"Behind the best model on the average block: {behind:+.4f} AUC; allowed {ALLOWED}")
    return behind


if __name__ == "__main__":
    sys.exit(main())
