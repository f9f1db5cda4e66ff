"""Friendly spellings of option values: rates, times, sizes, amounts of memory, and their inverse.

Each function takes a value of a command line (a string), a YAML file (a string, number, list or mapping) or
Python (any of these, or the converted value), and raises ``ValueError`` with a part of a sentence for others.
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

from vfi.errors import ConfigError, printable

# 23.976, 29.97 and their multiples are NTSC rates, also with as few digits as 23.98.
_NTSC_BASES = (24, 30, 48, 60, 72, 90, 96, 120, 144, 240)
_NTSC_TOLERANCE = Fraction(5, 1000)

_MEMORY_UNIT = re.compile(r"([\d.]+)\s*(?:([kmgt])(i?)b?|b?)")

LARGEST_SIDE = 65_536
"""Largest width or height of an image in pixels."""
_LONGEST_TEXT = 4096  # characters
_LARGEST_FILE = 1_000_000  # bytes
_DEEPEST = 50  # lists and mappings inside each other
_LONGEST_NUMBER = 400  # characters
_LARGEST_EXPONENT = 100  # of ten


class SizeError(ValueError):
    """The error of a number so large or so small that its digits are not computed."""


class _Loader(yaml.SafeLoader):
    """YAML of limited depth without aliases, which can expand to more data than fits in memory."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            raise ValueError("aliases (*name) are not supported, write the value itself")
        if self._depth >= _DEEPEST:  # well below Python's own limit, which takes seconds to reach
            raise ValueError("it is nested too deeply")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def load_yaml(content: str) -> object:
    """Return the value of a YAML text, read without running any code.

    Raises:
        ValueError: If the text is no YAML, nested too deeply, or uses aliases.
    """
    try:
        return yaml.load(content, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping in a YAML file, unchecked.

    Raises:
        ConfigError: If the file is missing, too large, or no YAML mapping.
    """
    name = f"configuration {shorten(str(path), 500)}"
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: the path holds a null byte
        raise ConfigError(f"Cannot read the {name}: {getattr(error, 'strerror', None) or error}.") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"The {name} is larger than 1 MB: choose another file.")
    try:
        values = load_yaml(content.decode("utf-8"))
    except ValueError as error:
        reason = shorten(" ".join(str(error).split()), 200)
        raise ConfigError(f"The {name} is not YAML: {reason}.") from error
    if not isinstance(values, (dict, type(None))):
        raise ConfigError(f"The {name} must hold lines of the form 'inter_frames: 3'.")
    return {str(key): value for key, value in cast("dict[object, object]", values or {}).items()}


def shorten(text: str, length: int = 60) -> str:
    """Return a text for a message: cut to a length in characters, control characters escaped."""
    return printable(text if len(text) <= length else text[: length - 3] + "...")


def shown(value: object) -> str:
    """Return a value as it was written, for a message."""
    return shorten(value.strip()) if isinstance(value, str) else _quoted(value)


def _quoted(value: object) -> str:
    """Return a value in the notation of Python, for a message."""
    try:
        return shorten(repr(value))
    except (ValueError, RecursionError):  # such as an integer of more digits than Python prints
        return f"a {type(value).__name__} too large to show"


def _written(value: object) -> str:
    """Return a string or number as it is written; anything else is no spelling of a word or a number."""
    return shorten(value.strip(), _LONGEST_NUMBER) if isinstance(value, str) else _quoted(value)


def _expected(what: str, value: object, kind: type[ValueError] = ValueError) -> ValueError:
    return kind(f"{what} expected, not {_quoted(value)}")


def text(value: object) -> str:
    """Return a word."""
    if isinstance(value, (str, int, float, Path)) and not isinstance(value, bool):
        word = str(value)
        if len(word) <= _LONGEST_TEXT and "\0" not in word:
            return word
    raise _expected("a word is", value)


def path(value: object) -> Path:
    """Return the path of a file or folder."""
    if isinstance(value, (str, Path)) and 0 < len(str(value)) <= _LONGEST_TEXT and "\0" not in str(value):
        try:
            return Path(value).expanduser()
        except RuntimeError as error:  # "~name" of an unknown user
            raise ValueError(f"the home folder of {_quoted(value)} is unknown") from error
    raise _expected("the name of a file or folder is", value)


def fraction(value: object) -> Fraction:
    """Return an exact number: ``3``, ``2.5``, ``"5/2"``, or a number of another package such as NumPy."""
    if isinstance(value, bool) or not isinstance(value, (Number, str)):
        raise _expected("a number is", value)
    try:
        written = str(value).strip()
    except ValueError:  # an integer of more digits than Python prints
        raise _expected("a number of a sensible size is", value, SizeError) from None
    if len(written) > _LONGEST_NUMBER:
        raise _expected("a number of a sensible size is", value, SizeError)
    try:
        # Decimal gives the exponent of 1e999999999 without computing its digits, unlike Fraction.
        if max(abs(Decimal(part).adjusted()) for part in written.split("/")) <= _LARGEST_EXPONENT:
            return Fraction(written)
    except (ArithmeticError, ValueError):
        raise _expected("a number such as 2.5 or 5/2 is", value) from None
    raise _expected("a number of a sensible size is", value, SizeError)


def rate(value: object) -> Fraction:
    """Return frames per second: ``25``, ``"60000/1001"``; decimals near an NTSC rate mean that rate."""
    exact = fraction(value)
    if exact.denominator == 1 or isinstance(value, Fraction) or "/" in str(value):
        return exact
    ntsc_rates = (Fraction(base * 1000, 1001) for base in _NTSC_BASES)
    return next((ntsc for ntsc in ntsc_rates if abs(exact - ntsc) < _NTSC_TOLERANCE), exact)


def time(value: object) -> Fraction:
    """Return a time in seconds: ``90``, ``"90.5"``, ``"1:30.5"``, ``"1:02:03.5"``."""
    parts = _written(value).split(":")
    if len(parts) == 1:
        return fraction(value)
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(\.\d*)?", part) for part in parts):
        raise _expected("a time such as 90.5 or 1:02:03.5 is", value)
    return sum((fraction(part) * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def number(value: object) -> float:
    """Return a number."""
    return float(fraction(value))


def whole_number(value: object) -> int:
    """Return an integer."""
    exact = fraction(value)
    if exact.denominator != 1:
        raise _expected("a whole number is", value)
    return int(exact)


def memory(value: object) -> int:
    """Return an amount of memory in bytes: ``"8GB"``, ``"512 MiB"``."""
    found = _MEMORY_UNIT.fullmatch(_written(value).lower())
    if found is None:
        raise _expected("an amount of memory such as 8GB or 512MB is", value)
    amount, prefix, binary = found.groups()
    return int(fraction(amount) * (1024 if binary else 1000) ** ("kmgt".index(prefix) + 1 if prefix else 0))


def switch(value: object) -> bool:
    """Return true or false."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    word = _written(value).lower()  # that of a bool is "true" or "false"
    if word not in words:
        raise _expected("true or false is", value)
    return words[word]


def size(value: object) -> tuple[int, int]:
    """Return width and height in pixels: ``"854x480"``, ``"854, 480"`` or ``[854, 480]``."""
    given = re.split(r"[x,\s]+", value.strip(" ()[]")) if isinstance(value, str) else value
    if isinstance(given, Sequence) and len(cast("Sequence[object]", given)) == 2:
        width, height = (whole_number(item) for item in cast("Sequence[object]", given))
        if 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE:
            return width, height
    raise _expected(f"a width and a height such as 854x480, up to {LARGEST_SIDE}, are", value)


def mapping(value: object) -> dict[str, Any]:
    """Return names and values, given as a mapping, or as one written as YAML or JSON."""
    given: object = value
    if isinstance(value, str):
        try:
            given = load_yaml(value)
        except ValueError:
            given = None
    if not isinstance(given, Mapping):
        raise _expected("names and values such as '{points: 1/4}' are", value)
    return {str(name): item for name, item in cast("Mapping[object, Any]", given).items()}


def choice(*allowed: str) -> Callable[[object], str]:
    """Return a parser that accepts these words only."""

    def parse(value: object) -> str:
        # YAML 1.1 reads the bare words off and on as booleans.
        word = ("on" if value else "off") if isinstance(value, bool) else _written(value)
        if word not in allowed:
            raise _expected(f"{', '.join(allowed[:-1])} or {allowed[-1]} is", word)
        return word

    return parse


def words(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    """Return a parser of lists of these words, given as a sequence or with commas between them."""
    parse = choice(*allowed)

    def parse_all(value: object) -> tuple[str, ...]:
        given = re.split(r"[,\s]+", value.strip(" ()[],")) if isinstance(value, str) else value
        if not isinstance(given, Sequence):
            raise _expected(f"words such as {','.join(allowed[:2])} are", value)
        found = {parse(item) for item in cast("Sequence[object]", given) if item != ""}
        return tuple(word for word in allowed if word in found)

    return parse_all


def plain(value: object) -> object:
    """Return a value as strings, numbers, lists and mappings, which its parser converts back."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else f"{value.numerator}/{value.denominator}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in cast("Mapping[object, object]", value).items()}
    return value
