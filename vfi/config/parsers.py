"""Friendly spellings of option values: rates, times, sizes, amounts of memory, and their inverse.

Each function takes what a command line (a string), a YAML file (a string, number, list or mapping) or
Python (any of these, or the finished value) can give, and raises ``ValueError`` with a part of a sentence
where it makes no sense.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import yaml

# 23.976, 29.97 and their multiples stand for these; written with as few digits as 23.98.
_NTSC_BASES = (24, 30, 48, 60, 72, 90, 96, 120, 144, 240)
_NTSC_TOLERANCE = Fraction(5, 1000)

_MEMORY_UNITS = {
    "": 1, "b": 1,
    "k": 10**3, "kb": 10**3, "kib": 2**10,
    "m": 10**6, "mb": 10**6, "mib": 2**20,
    "g": 10**9, "gb": 10**9, "gib": 2**30,
    "t": 10**12, "tb": 10**12, "tib": 2**40,
}  # fmt: skip

Parser = Callable[[object], object]


def option(
    default: Any, text: str, *, parse: Parser, group: str, metavar: str = "VALUE", flags: tuple[str, ...] = ()
) -> Any:
    """A dataclass field that is also an option of the command line.

    Args:
        default: Its value where nothing is given.
        text: One line of help.
        parse: Turns a friendly spelling into the value, or raises ``ValueError``.
        group: Heading under which the help lists it.
        metavar: What the help shows in place of the value.
        flags: Further names on the command line, such as ``-o``.
    """
    metadata = {"help": text, "metavar": metavar, "parse": parse, "group": group, "flags": flags}
    if isinstance(default, dict):
        empty: dict[str, Any] = {}
        return dataclasses.field(default_factory=lambda: dict(empty), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def text(value: object) -> str:
    """A word."""
    if isinstance(value, (str, int, float, Path)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"a word is expected, not {value!r}")


def path(value: object) -> Path:
    """The name of a file or folder."""
    if isinstance(value, (str, Path)) and str(value):
        return Path(value).expanduser()
    raise ValueError(f"the name of a file or folder is expected, not {value!r}")


def fraction(value: object) -> Fraction:
    """An exact number: ``3``, ``2.5``, ``"5/2"``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise ValueError(f"a number is expected, not {value!r}")
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"a number such as 2.5 or 5/2 is expected, not {value!r}") from None


def rate(value: object) -> Fraction:
    """Frames per second: ``25``, ``"60000/1001"``; decimals near an NTSC rate (23.976) mean that rate."""
    exact = fraction(value)
    if exact.denominator == 1 or isinstance(value, Fraction) or "/" in str(value):
        return exact
    for base in _NTSC_BASES:
        ntsc = Fraction(base * 1000, 1001)
        if abs(exact - ntsc) < _NTSC_TOLERANCE:
            return ntsc
    return exact


def time(value: object) -> Fraction:
    """A time in seconds: ``90``, ``"90.5"``, ``"1:30.5"``, ``"1:02:03.5"``."""
    parts = str(value).strip().split(":")
    if len(parts) > 3:
        raise ValueError(f"a time such as 90.5 or 1:02:03.5 is expected, not {value!r}")
    if len(parts) > 1 and not all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts):
        raise ValueError(f"a time such as 90.5 or 1:02:03.5 is expected, not {value!r}")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + fraction(value if len(parts) == 1 else part)
    return seconds


def number(value: object) -> float:
    """A number."""
    return float(fraction(value))


def whole_number(value: object) -> int:
    """A whole number."""
    exact = fraction(value)
    if exact.denominator != 1:
        raise ValueError(f"a whole number is expected, not {value!r}")
    return int(exact)


def memory(value: object) -> int:
    """An amount of memory in bytes: ``"8GB"``, ``"512 MiB"``."""
    found = re.fullmatch(r"([\d.]+)\s*([a-z]*)", str(value).strip().lower())
    if found is None or found[2] not in _MEMORY_UNITS:
        raise ValueError(f"an amount of memory such as 8GB or 512MB is expected, not {value!r}")
    return int(fraction(found[1]) * _MEMORY_UNITS[found[2]])


def switch(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    word = str(value).strip().lower()
    if word not in words:
        raise ValueError(f"true or false is expected, not {value!r}")
    return words[word]


def size(value: object) -> tuple[int, int]:
    """Width and height in pixels: ``"854x480"``, ``"854, 480"`` or ``[854, 480]``."""
    given = re.split(r"[x,\s]+", value.strip(" ()[]")) if isinstance(value, str) else value
    if isinstance(given, Sequence):
        items = cast("Sequence[object]", given)
        if len(items) == 2:
            width, height = (whole_number(item) for item in items)
            if width > 0 and height > 0:
                return width, height
    raise ValueError(f"a width and a height such as 854x480 are expected, not {value!r}")


def numbers(value: object) -> tuple[float, ...]:
    """One number or several."""
    given = re.split(r"[,\s]+", value.strip(" ()[]")) if isinstance(value, str) else value
    if isinstance(given, Sequence):
        return tuple(number(item) for item in cast("Sequence[object]", given))
    return (number(given),)


def mapping(value: object) -> dict[str, Any]:
    """Names and values: a mapping, or one written as YAML or JSON."""
    given: object = value
    if isinstance(value, str):
        try:
            given = yaml.safe_load(value)
        except yaml.YAMLError:
            given = None
    if not isinstance(given, Mapping):
        raise ValueError(f"names and values such as '{{flow: medium}}' are expected, not {value!r}")
    return {str(name): item for name, item in cast("Mapping[object, Any]", given).items()}


def choice(*allowed: str) -> Callable[[object], str]:
    """A parser that accepts these words only."""

    def parse(value: object) -> str:
        # YAML 1.1 reads the bare words off and on as booleans.
        word = {False: "off", True: "on"}[value] if isinstance(value, bool) else str(value)
        if word not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]} is expected, not {word!r}")
        return word

    return parse


def plain(value: object) -> object:
    """The value as strings, numbers, lists and mappings, from which its parser makes it again."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    return value
