"""Made-up outcomes of many shapes, to see where a table of points falls behind: each a list of rows, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, pi, sin
from random import Random
from typing import Final

Row = dict[str, str]


def _row(dice: Random, log_odds: float, **values: object) -> Row:
    known = {name: "" if value is None else str(value) for name, value in values.items()}
    return known | {"y": "ny"[dice.random() < 1 / (1 + exp(-log_odds))]}


def _trade_fair(count: int, seed: int, base: float) -> list[Row]:
    dice, rows = Random(seed), []
    for _ in range(count):
        employees, replies = int(exp(dice.gauss(5, 1.2))), min(int(dice.expovariate(1.2)), 6)
        trade, source = dice.choice("abcdefgh"), dice.choice(["show", "web", "list", "partner"])
        odds = base + 0.5 * (log(employees + 1) - 5) + 0.8 * (trade in "abc") + 0.5 * replies + 0.7 * (source == "show")
        known = {"employees": employees, "trade": trade, "source": source, "replies": replies}
        rows.append(_row(dice, odds, **known, desk=dice.choice("xyz"), clicks=replies + dice.randint(0, 2)))
    return rows


def made_up(count: int = 4000, seed: int = 1) -> list[Row]:
    """Leads that turn out well more often when they are large, of some trades, and answer; some of it is noise."""
    dice = Random(seed)
    rows = []
    for _ in range(count):
        employees, replies = int(exp(dice.gauss(5, 1.2))), min(int(dice.expovariate(1.2)), 6)
        trade, source = dice.choice("abcdefgh"), dice.choice(["show", "web", "list", "partner"])
        odds = -2.6 + 0.5 * (log(employees + 1) - 5) + 0.7 * (trade in "abc") + 0.5 * replies + 0.6 * (source == "show")
        good = dice.random() < 1 / (1 + exp(-odds))
        row = {"employees": str(employees), "trade": trade, "replies": str(replies), "source": source}
        rows.append(row | {"clicks": str(replies + dice.randint(0, 2)), "desk": dice.choice("xyz"), "y": "ny"[good]})
    return rows


def rare(count: int = 5000, seed: int = 1) -> list[Row]:
    """Of a hundred leads two turn out well."""
    return _trade_fair(count, seed, -5.3)


def few(count: int = 500, seed: int = 1) -> list[Row]:
    """Hardly any rows."""
    return _trade_fair(count, seed, -2.6)


def drift(count: int = 4000, seed: int = 1) -> list[Row]:
    """Times get better, what one number says turns into its opposite, another begins to count."""
    dice, rows = Random(seed), []
    for number in range(count):
        time, trade, source = number / count, dice.choice("abcde"), dice.choice(["web", "show", "list"])
        falls, grows = dice.gauss(0, 1), dice.gauss(0, 1)
        odds = -2.5 + 2.5 * time + (1 - 2 * time) * falls + 1.2 * time * grows + 0.8 * (trade in "ab")
        odds += 0.6 * (source == "show") * (time > 0.5)
        known = {"falls": round(falls, 3), "grows": round(grows, 3), "trade": trade, "source": source}
        rows.append(_row(dice, odds, **known, index=round(time * 10 + dice.gauss(0, 1), 2)))
    return rows


def season(count: int = 4000, seed: int = 1) -> list[Row]:
    """Three years in which some months are better than others."""
    dice, rows = Random(seed), []
    for number in range(count):
        month, trade, size = number * 36 // count % 12, dice.choice("abcde"), dice.gauss(0, 1)
        odds = -1.5 + 1.2 * sin(month * pi / 6) + 0.6 * size + 0.7 * (trade in "ab")
        rows.append(_row(dice, odds, month=f"m{month}", size=round(size, 3), trade=trade, other=dice.choice("klm")))
    return rows


def together(count: int = 4000, seed: int = 1) -> list[Row]:
    """Some of what is known counts only beside something else, and a little of it alone."""
    dice, rows = Random(seed), []
    for _ in range(count):
        trade, source = dice.choice("abcd"), dice.choice(["web", "show", "list"])
        size, age = dice.gauss(0, 1), dice.gauss(0, 1)
        odds = -1.5 + 1.5 * (trade in "ab") * (source == "show") + 0.8 * size * (age > 0)
        odds += 0.4 * (trade == "c") - 0.4 * (source == "list")
        known = {"trade": trade, "source": source, "size": round(size, 3), "age": round(age, 3)}
        rows.append(_row(dice, odds, **known, desk=dice.choice("pq")))
    return rows


def either(count: int = 4000, seed: int = 1) -> list[Row]:
    """One or the other but not both: what no sum of points can tell."""
    dice, rows = Random(seed), []
    for _ in range(count):
        trade, source, size = dice.choice("abcd"), dice.choice(["web", "show"]), dice.gauss(0, 1)
        odds = -1.2 + 1.6 * ((trade in "ab") ^ (source == "show")) + 0.5 * size
        rows.append(_row(dice, odds, trade=trade, source=source, size=round(size, 3), desk=dice.choice("pq")))
    return rows


def cities(count: int = 4000, seed: int = 1) -> list[Row]:
    """Ninety cities and twenty-five products, each with odds of its own."""
    dice, rows = Random(seed), []
    city = {f"city{number}": dice.gauss(0, 0.9) for number in range(90)}
    product = {f"p{number}": dice.gauss(0, 0.7) for number in range(25)}
    for _ in range(count):
        place, thing, size = dice.choice(list(city)), dice.choice(list(product)), dice.gauss(0, 1)
        odds = -1.8 + city[place] + product[thing] + 0.5 * size
        rows.append(_row(dice, odds, city=place, product=thing, size=round(size, 3), desk=dice.choice("pq")))
    return rows


def villages(count: int = 4000, seed: int = 1) -> list[Row]:
    """Four hundred places, few of them with many leads."""
    dice, rows = Random(seed), []
    shares = [1 / (number + 1) for number in range(400)]
    worth = [dice.gauss(0, 0.8) for _ in shares]
    for _ in range(count):
        place, size = dice.choices(range(400), shares)[0], dice.gauss(0, 1)
        rows.append(_row(dice, -1.8 + worth[place] + 0.5 * size, city=f"city{place}", size=round(size, 3)))
    return rows


def gaps(count: int = 4000, seed: int = 1) -> list[Row]:
    """Much is not known, and sometimes that alone says something."""
    dice, rows = Random(seed), []
    for _ in range(count):
        size, age, trade = dice.gauss(0, 1), dice.gauss(5, 2), dice.choice("abcde")
        no_size, no_trade = dice.random() < 0.4, dice.random() < 0.3
        odds = -1.8 + (-0.6 if no_size else 0.8 * size) + 0.3 * (age - 5)
        odds += 0.5 if no_trade else 0.8 * (trade in "ab")
        known = {"size": None if no_size else round(size, 3), "age": None if dice.random() < 0.5 else round(age, 2)}
        rows.append(_row(dice, odds, **known, trade=None if no_trade else trade))
    return rows


def humps(count: int = 4000, seed: int = 1) -> list[Row]:
    """Numbers of which the middle is best, or two parts of the day."""
    dice, rows = Random(seed), []
    for _ in range(count):
        size, age, hour = dice.uniform(0, 100), dice.gauss(0, 1), dice.randrange(24)
        odds = -1.5 + 1.6 * (30 < size < 55) - (age * age > 1.5) + sin(hour * pi / 6)
        rows.append(_row(dice, odds, size=round(size, 1), age=round(age, 3), hour=hour, desk=dice.choice("pq")))
    return rows


def slopes(count: int = 4000, seed: int = 1) -> list[Row]:
    """Eight numbers that each count a little, and four that do not."""
    dice, rows = Random(seed), []
    for _ in range(count):
        known = {f"x{number}": round(dice.gauss(0, 1), 3) for number in range(12)}
        odds = -1 + sum((0.5 if number % 2 else -0.5) * known[f"x{number}"] for number in range(8))
        rows.append(_row(dice, odds, **known))
    return rows


def alike(count: int = 3000, seed: int = 1) -> list[Row]:
    """Six numbers that say nearly the same; what counts is also how two of them differ."""
    dice, rows = Random(seed), []
    for _ in range(count):
        base, own = dice.gauss(0, 1), dice.gauss(0, 1)
        known = {f"x{number}": round(base + dice.gauss(0, 0.6), 3) for number in range(6)}
        odds = -2 + 2 * (known["x0"] - known["x1"]) + 1.2 * base + own
        rows.append(_row(dice, odds, **known, own=round(own, 2)))
    return rows


def noise(count: int = 2000, seed: int = 1) -> list[Row]:
    """Twenty-five columns of which two say anything."""
    dice, rows = Random(seed), []
    for _ in range(count):
        numbers = {f"x{number}": round(dice.gauss(0, 1), 2) for number in range(15)}
        texts = {f"t{number}": dice.choice("abcdefghij") for number in range(10)}
        odds = -2 + 0.5 * numbers["x0"] + 0.7 * (texts["t0"] in "ab")
        rows.append(_row(dice, odds, **numbers, **texts))
    return rows


SHAPES: Final[dict[str, Callable[..., list[Row]]]] = {
    shape.__name__: shape
    for shape in (rare, few, drift, season, together, either, cities, villages, gaps, humps, slopes, alike, noise)
}
