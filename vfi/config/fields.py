"""Declaration of options: a dataclass field with a spelling, a docstring as its help, and a few marks.

An option is declared once, as a field of a group::

    @dataclass(frozen=True)
    class RateOptions:
        \"\"\"Frame rate.\"\"\"

        fps: Rate | None = None
        \"\"\"frames per second of the result\"\"\"

``Rate`` is ``Annotated[Fraction, Spelling(...)]``: the spelling converts what a command line (a string), a
YAML file or Python gives, and holds the range. Name, help and type of the option are those of the field.
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

from jsonargparse.typing import register_type  # pyright: ignore[reportUnknownVariableType]

from vfi.config import parsers


class SpellingError(ValueError):
    """A value of one option that makes no sense; the message names the option."""


@dataclass(frozen=True)
class Spelling:
    """How the values of an option are written, and which of them are allowed."""

    parse: Callable[[object], Any]
    """Converts a friendly spelling to the value, or raises ``ValueError`` with a part of a sentence."""
    metavar: str = "VALUE"
    """Placeholder of the value in the help."""
    low: float | None = None
    """Smallest allowed value."""
    high: float | None = None
    """Largest allowed value."""

    def __call__(self, name: str, value: object) -> Any:
        """Convert a value.

        Args:
            name: Name of the option, for the message.
            value: String, number, list, mapping or finished value.

        Raises:
            SpellingError: If the value makes no sense or lies outside the allowed range.
        """
        try:
            parsed = self.parse(value)
        except parsers.SizeError as error:
            raise self._outside(name, error.shown) from error
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise SpellingError(f"{name}: {error}.") from error
        if self.low is None or self.high is None:
            return parsed
        if Fraction(str(self.low)) <= parsed <= Fraction(str(self.high)):  # 0.001 itself is no binary number
            return parsed
        raise self._outside(name, parsers.shorten(str(parsers.plain(parsed))))

    def _outside(self, name: str, shown: str) -> SpellingError:
        """Return the error for a value outside the allowed range."""
        low, high = (f"{limit or 0:,.10g}".replace(",", " ") for limit in (self.low, self.high))
        return SpellingError(f"{name} is {shown}, but it must lie between {low} and {high}.")


@dataclass(frozen=True)
class Option:
    """One option of a command."""

    group: str
    """Name of the group that holds it."""
    name: str
    """Name of the field: key in files, argument in Python, and with dashes the flag."""
    spelling: Spelling
    default: Any
    help: str
    flags: tuple[str, ...] = ()
    """Further flags on the command line, such as ``-o``."""
    affects_pixels: bool = True
    """Whether the frames that are written depend on it: then a run is resumed only with the same value."""
    on_command_line: bool = True
    """Whether it has a flag; without one it is given in a file, in Python, or as ``--set``."""

    @property
    def key(self) -> str:
        """Name with the group, such as ``rate.fps``."""
        return f"{self.group}.{self.name}"

    @property
    def is_switch(self) -> bool:
        """Whether the value is true or false."""
        return self.spelling is SWITCH

    @property
    def registered_type(self) -> type:
        """Type under which jsonargparse converts and prints the value."""
        return _registered(self.name, self.spelling)


SWITCH = Spelling(parsers.switch, "true|false")


def option(default: Any, *flags: str, affects_pixels: bool = True, on_command_line: bool = True) -> Any:
    """Return a field with marks; an option without any mark needs its default value only.

    Args:
        default: Value where nothing is given.
        flags: Further flags on the command line, such as ``-o``.
        affects_pixels: Whether the frames that are written depend on the option.
        on_command_line: Whether the option has a flag.
    """
    marks = {"flags": flags, "affects_pixels": affects_pixels, "on_command_line": on_command_line}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict[str, Any], metadata=marks)
    return dataclasses.field(default=default, metadata=marks)


@lru_cache
def options_of(config: type) -> dict[str, Option]:
    """Return the options of a configuration by name, in the order of its groups."""
    groups: dict[str, type] = get_type_hints(config)
    found: dict[str, Option] = {}
    for group in dataclasses.fields(config):
        for declared in _declared(group.name, groups[group.name]):
            if declared.name in found:
                raise TypeError(
                    f"{config.__name__}: {declared.key} and {found[declared.name].key} share a name"
                )
            found[declared.name] = declared
    return found


def _declared(name: str, group: type) -> Iterator[Option]:
    """Yield the options of one group."""
    hints = get_type_hints(group, include_extras=True)
    texts = attribute_docstrings(group)
    for field in dataclasses.fields(group):
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        yield Option(
            name, field.name, _spelling(hints[field.name]), default, texts[field.name], **field.metadata
        )


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
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(group))).body
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    name = None
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and name:
            texts[name] = " ".join(str(statement.value.value).split())
            name = None
    return texts


@lru_cache
def _registered(name: str, spelling: Spelling) -> type:
    """Return a type by which jsonargparse knows the spelling of one option.

    One type per option rather than per spelling, so that its errors name the option.
    """

    def convert(value: object) -> Any:
        return spelling(name, value)

    def is_finished(value: object, registered: type) -> bool:
        return False  # values are converted every time: spellings accept their own results

    made = type(name, (), {})
    register_type(made, parsers.plain, convert, SpellingError, is_finished)
    return made
