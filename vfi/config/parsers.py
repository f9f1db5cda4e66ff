"""Friendly spellings of option values: rates, times, sizes, amounts of memory, and their inverse.

Each function takes what a command line (a string), a YAML file (a string, number, list or mapping) or
Python (any of these, or the finished value) can give, and raises ``ValueError`` with a part of a sentence
where it makes no sense.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Number
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

LARGEST_SIDE = 65_536
"""Width or height in pixels of an image, at most."""
_LONGEST_TEXT = 4096  # characters
_DEEPEST = 50  # lists and mappings inside each other
_LONGEST_NUMBER = 400  # characters
_LARGEST_EXPONENT = 100  # of ten


class SizeError(ValueError):
    """A number so large or so small that only the range of its option is worth telling."""

    def __init__(self, value: object) -> None:
        self.shown = value.strip() if isinstance(value, str) else _quoted(value)
        self.shown = shorten(self.shown)
        super().__init__(f"a number of a sensible size is expected, not {self.shown}")


class _Loader(yaml.SafeLoader):
    """YAML without aliases, of which nested ones stand for more data than any memory holds, and not deep."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            raise ValueError("aliases (*name) are not supported, write the value itself")
        if self._depth >= _DEEPEST:  # long before Python's own limit, which takes seconds to reach
            raise ValueError("it is nested too deeply")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def load_yaml(content: str) -> object:
    """Return the value that a YAML text stands for, read without running any code.

    Raises:
        ValueError: If it is no YAML, nested too deeply, or uses aliases.
    """
    try:
        return yaml.load(content, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def shorten(shown: str, length: int = 60) -> str:
    """Return a text for a message: cut to a length in characters, control characters escaped."""
    cut = shown if len(shown) <= length else shown[: length - 3] + "..."
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in cut)


def _written(value: object) -> str:
    """Return a string or number as it is written; anything else is no spelling of a word or a number."""
    if not isinstance(value, (str, Number)):
        return _quoted(value)
    return shorten(str(value).strip(), _LONGEST_NUMBER) if isinstance(value, str) else _quoted(value)


def _quoted(value: object) -> str:
    """Return a value as messages show it."""
    try:
        return shorten(repr(value))
    except (ValueError, RecursionError):  # such as a whole number of more digits than Python prints
        return f"a {type(value).__name__} too large to show"


def text(value: object) -> str:
    """Return a word."""
    if isinstance(value, (str, int, float, Path)) and not isinstance(value, bool):
        word = str(value)
        if len(word) <= _LONGEST_TEXT and "\0" not in word:
            return word
    raise ValueError(f"a word is expected, not {_quoted(value)}")


def path(value: object) -> Path:
    """Return the path of a file or folder."""
    if isinstance(value, (str, Path)) and 0 < len(str(value)) <= _LONGEST_TEXT and "\0" not in str(value):
        try:
            return Path(value).expanduser()
        except RuntimeError as error:  # "~name" of a user who does not exist
            raise ValueError(f"the home folder of {_quoted(value)} is unknown") from error
    raise ValueError(f"the name of a file or folder is expected, not {_quoted(value)}")


def fraction(value: object) -> Fraction:
    """Return an exact number: ``3``, ``2.5``, ``"5/2"``, or a number of another package such as NumPy."""
    if isinstance(value, bool) or not isinstance(value, (Number, str)):
        raise ValueError(f"a number is expected, not {_quoted(value)}")
    try:
        written = str(value).strip()
    except ValueError:  # a whole number of more digits than Python prints
        raise SizeError(value) from None
    if len(written) > _LONGEST_NUMBER:
        raise SizeError(value)
    try:
        # Decimal knows the size of 1e999999999 without writing it down, which Fraction would do.
        sizes = [abs(Decimal(part).adjusted()) for part in written.split("/")]
        if max(sizes) <= _LARGEST_EXPONENT:
            return Fraction(written)
    except (ArithmeticError, ValueError):
        raise ValueError(f"a number such as 2.5 or 5/2 is expected, not {_quoted(value)}") from None
    raise SizeError(value)


def rate(value: object) -> Fraction:
    """Return frames per second: ``25``, ``"60000/1001"``; decimals near an NTSC rate mean that rate."""
    exact = fraction(value)
    if exact.denominator == 1 or isinstance(value, Fraction) or "/" in str(value):
        return exact
    for base in _NTSC_BASES:
        ntsc = Fraction(base * 1000, 1001)
        if abs(exact - ntsc) < _NTSC_TOLERANCE:
            return ntsc
    return exact


def time(value: object) -> Fraction:
    """Return a time in seconds: ``90``, ``"90.5"``, ``"1:30.5"``, ``"1:02:03.5"``."""
    parts = _written(value).split(":")
    if len(parts) > 3:
        raise ValueError(f"a time such as 90.5 or 1:02:03.5 is expected, not {_quoted(value)}")
    if len(parts) > 1 and not all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts):
        raise ValueError(f"a time such as 90.5 or 1:02:03.5 is expected, not {_quoted(value)}")
    seconds = Fraction(0)
    for part in parts:
        seconds = seconds * 60 + fraction(value if len(parts) == 1 else part)
    return seconds


def number(value: object) -> float:
    """Return a number."""
    return float(fraction(value))


def whole_number(value: object) -> int:
    """Return a whole number."""
    exact = fraction(value)
    if exact.denominator != 1:
        raise ValueError(f"a whole number is expected, not {_quoted(value)}")
    return int(exact)


def memory(value: object) -> int:
    """Return an amount of memory in bytes: ``"8GB"``, ``"512 MiB"``."""
    found = re.fullmatch(r"([\d.]+)\s*([a-z]*)", _written(value).lower())
    if found is None or found[2] not in _MEMORY_UNITS:
        raise ValueError(f"an amount of memory such as 8GB or 512MB is expected, not {_quoted(value)}")
    return int(fraction(found[1]) * _MEMORY_UNITS[found[2]])


def switch(value: object) -> bool:
    """Return true or false."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    word = _written(value).lower()
    if word not in words:
        raise ValueError(f"true or false is expected, not {_quoted(value)}")
    return words[word]


def size(value: object) -> tuple[int, int]:
    """Return width and height in pixels: ``"854x480"``, ``"854, 480"`` or ``[854, 480]``."""
    given = re.split(r"[x,\s]+", value.strip(" ()[]")) if isinstance(value, str) else value
    if isinstance(given, Sequence):
        items = cast("Sequence[object]", given)
        if len(items) == 2:
            width, height = (whole_number(item) for item in items)
            if 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE:
                return width, height
    raise ValueError(
        f"a width and a height such as 854x480, up to {LARGEST_SIDE}, are expected, not {_quoted(value)}"
    )


def mapping(value: object) -> dict[str, Any]:
    """Return names and values, given as a mapping, or as one written as YAML or JSON."""
    given: object = value
    if isinstance(value, str):
        try:
            given = load_yaml(value)
        except ValueError:
            given = None
    if not isinstance(given, Mapping):
        raise ValueError(f"names and values such as '{{points: 1/4}}' are expected, not {_quoted(value)}")
    return {str(name): item for name, item in cast("Mapping[object, Any]", given).items()}


def choice(*allowed: str) -> Callable[[object], str]:
    """Return a parser that accepts these words only."""

    def parse(value: object) -> str:
        # YAML 1.1 reads the bare words off and on as booleans.
        word = ("on" if value else "off") if isinstance(value, bool) else _written(value)
        if word not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]} is expected, not {_quoted(word)}")
        return word

    return parse


def words(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    """Return a parser of lists of these words, given as a sequence or with commas between them."""
    parse = choice(*allowed)

    def parse_all(value: object) -> tuple[str, ...]:
        given = re.split(r"[,\s]+", value.strip(" ()[],")) if isinstance(value, str) else value
        if not isinstance(given, Sequence):
            raise ValueError(f"words such as {','.join(allowed[:2])} are expected, not {_quoted(value)}")
        found = {parse(item) for item in cast("Sequence[object]", given) if item != ""}
        return tuple(word for word in allowed if word in found)

    return parse_all


def plain(value: object) -> object:
    """Return a value as strings, numbers, lists and mappings, from which its parser makes it again."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    return value
