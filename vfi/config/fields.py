"""Declaration of options: a dataclass field with a spelling, a docstring as its help, and a few marks.

An option is declared once, as a field of a group::

    @dataclass(frozen=True)
    class RateOptions:
        \"\"\"Frame rate.\"\"\"

        fps: Rate | None = None
        \"\"\"frames per second of the output\"\"\"

``Rate`` is ``Annotated[Fraction, Spelling(...)]``: the spelling converts values of a command line (strings),
a YAML file or Python, and holds their range. Name, help and type of the option are those of the field.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from vfi.config import parsers
from vfi.errors import ConfigError


@dataclass(frozen=True)
class Spelling:
    """How the values of an option are written, and their range."""

    parse: Callable[[object], Any]
    """Function that converts a value, or raises ``ValueError`` with a part of a sentence."""
    metavar: str = "VALUE"
    """Placeholder of the value in the help."""
    limits: tuple[float, float] | None = None
    """Smallest and largest allowed number."""

    def __call__(self, name: str, value: object) -> Any:
        """Convert a value.

        Args:
            name: Name of the option, for the message.
            value: String, number, list, mapping or converted value.

        Raises:
            ConfigError: If the value cannot be converted or is outside the allowed range.
        """
        low, high = self.limits or (0, 0)
        try:
            parsed = self.parse(value)
            # Via str, because the limit 0.001 is no binary number.
            if self.limits is None or Fraction(str(low)) <= parsed <= Fraction(str(high)):
                return parsed
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            if self.limits is None or not isinstance(error, parsers.SizeError):
                raise ConfigError(f"{name}: {error}.") from error
        low, high = (f"{limit:,.10g}".replace(",", " ") for limit in (low, high))
        raise ConfigError(f"{name} is {parsers.shown(value)}, but it must lie between {low} and {high}.")


SWITCH = Spelling(parsers.switch, "true|false")


def choice(*words: str) -> Spelling:
    """Return the spelling of an option with these values."""
    return Spelling(parsers.choice(*words), "|".join(words))


@dataclass(frozen=True)
class Option:
    """One option of a command."""

    group: str
    """Name of the group."""
    name: str
    """Name of the field: key in files, argument in Python, and with dashes the flag."""
    spelling: Spelling
    default: Any
    help: str
    other_flags: tuple[str, ...] = ()
    """Further flags on the command line, such as ``-o``."""
    affects_pixels: bool = True
    """Whether the written frames depend on it; then a run is resumed only with the same value."""
    on_command_line: bool = True
    """Whether the help shows it; otherwise it is usually given in a file, in Python, or as ``--set``."""

    @property
    def key(self) -> str:
        """Name with the group, such as ``rate.fps``."""
        return f"{self.group}.{self.name}"

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags; the last one is the key if the help does not show the option."""
        return (*self.other_flags, f"--{self.name.replace('_', '-') if self.on_command_line else self.key}")


def option(default: Any, *other_flags: str, affects_pixels: bool = True, on_command_line: bool = True) -> Any:
    """Return a field with marks; an option without marks needs its default only.

    Args:
        default: Value if none is given.
        other_flags: Further flags on the command line, such as ``-o``.
        affects_pixels: Whether the written frames depend on the option.
        on_command_line: Whether the help shows the option.
    """
    marks = {
        "other_flags": other_flags,
        "affects_pixels": affects_pixels,
        "on_command_line": on_command_line,
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict[str, Any], metadata=marks)
    return dataclasses.field(default=default, metadata=marks)


@lru_cache
def options_of(config: type) -> dict[str, Option]:
    """Return the options of a configuration by name, in the order of its groups.

    Args:
        config: Dataclass whose fields are the groups.

    Raises:
        TypeError: If two options have the same name.
    """
    groups: dict[str, type] = get_type_hints(config)
    fields = dataclasses.fields(config)
    declared = [each for field in fields for each in _declared(field.name, groups[field.name])]
    options = {each.name: each for each in declared}
    if len(options) < len(declared):
        raise TypeError(f"Two options of {config.__name__} have the same name.")
    return options


def _declared(name: str, group: type) -> Iterator[Option]:
    """Yield the options of one group."""
    hints = get_type_hints(group, include_extras=True)
    texts = attribute_docstrings(group)
    defaults = group()
    for field in dataclasses.fields(group):
        spelling, default = _spelling(hints[field.name]), getattr(defaults, field.name)
        yield Option(name, field.name, spelling, default, texts[field.name], **field.metadata)


def _spelling(hint: Any) -> Spelling:
    """Return the spelling in a type hint, ``Annotated`` or a union with one."""
    if hint is bool:
        return SWITCH
    for part in (*getattr(hint, "__metadata__", ()), *map(_spelling, get_args(hint))):
        if isinstance(part, Spelling):
            return part
    return Spelling(parsers.text)


@lru_cache
def attribute_docstrings(group: type) -> dict[str, str]:
    """Return the docstrings below the fields of a dataclass, by field."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(group))).body
    assert isinstance(tree, ast.ClassDef)
    texts: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return texts
