"""Seeded configurations of every kind, sensible and not: each is understood or refused in one sentence.

Nothing else may happen: no other error, no long work, no message of more than one line. The default run takes
the first 100 of 1,500; the rest is marked slow.
"""

from __future__ import annotations

import random
import time
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from vfi.cli import assemble, interpolate
from vfi.cli.arguments import Command, parse_command_line
from vfi.config import AssembleConfig, Configuration, InterpolateConfig, eqvi, read_yaml
from vfi.config.fields import options_of
from vfi.errors import ConfigError

COUNT, QUICK = 1500, 100
MOST_SECONDS = 5.0
"""A case takes milliseconds; this many only where something hangs, or on a very busy machine."""

COMMANDS: list[Command[Any]] = [interpolate.COMMAND, assemble.COMMAND]

WORDS = [
    "auto", "off", "on", "true", "no", "", " ", "-", "--", "=", "==", "a=b", ".", "..", "/", "~",
    "~nobody", "*",
    "&", "!!python/object/apply:os.system [x]", "%s", "%(prog)s", "{}", "[]", "{a: 1}", "{a: b, 1: [2]}",
    "{", "]",
    "null", "~", "\x00", "a\x1b[31mb", "\u202e", "фильм", "映画", "\ud800", "🎬" * 40, "x" * 5000, "a\nb",
    "2001-01-01",
    "<<", "? a", "- b", "#", "'", '"',
    "\\", "None", "nan", "inf", "-inf", "0x10", "1_000", "٣", "\uff11\uff12",
]  # fmt: skip
NUMBERS = [
    "0", "1", "2", "-1", "0.5", "1e9", "1e5000", "1e-5000", "1e999999999", "-1e999999999",
    "1e99999999999999999999",
    "1/0", "1/3", "1e400/1e-400", "9" * 400, "9" * 5000, "1/" + "9" * 5000, "23.976", "60000/1001",
    "1:2:3", "1:2:3:4",
    "9" * 300 + ":0:0", "-0", "+5", "1,5", "8GB", "8XB", "9" * 200 + "TB", "1.2.3GB", "640x480", "0x0",
    "99999x99999",
    "640", "1e3x1e3",
]  # fmt: skip
SENSIBLE = [
    ("fps", "60"), ("fps", "23.976"), ("output", "out.mkv"), ("codec", "h264"), ("quality", "18"),
    ("preset", "slow"),
    ("pixel_format", "yuv420p"), ("overwrite", "true"), ("resume", "false"), ("existing.overwrite", "on"),
    ("encoding.codec", "ffv1"),
]  # fmt: skip
OBJECTS: list[object] = [
    None, True, False, 0, 1, -1, 3, 10**5000, -(10**400), 0.1, 1e308, 5e-324, float("nan"), float("inf"),
    3 + 2j,
    Fraction(1, 3), Fraction(10**500, 7), Decimal("1e999999"), Decimal("NaN"), np.int64(2), np.float32(24),
    np.bool_(True),
    np.array(3), np.array([64, 48]), b"60", [], [1, 2], (64, 48), [10**5000, 1], {}, {"a": 1}, {1: {2: 3}},
    {"a": object()},
    [[]], set(), object(), len, Path("film.mp4"), range(3), "film.mp4",
]  # fmt: skip
LAUGHS = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 8)}]\n" for before, name in pairwise("abcdefghi")
)
FILES = [
    "a: &a [1]\nb: *a\n", "- 1\n", "3", "", "a: [", "? {a: b}\n: c", "\t", "rate: 3\n",
    "rate: {fps: {fps: 1}}\n",
    "rate: {rate: {fps: 60}}\n", "rate.fps: 60\n", "[" * 3000, "{a: " * 3000,
    "inter_frames: " + "9" * 5000 + "\n",
    LAUGHS,
    "model_options: &m {self: *m}\n", "!!python/name:os.system\n", "fps: 2001-99-99\n", "\x00",
    "%YAML 9.9\n---\n{}\n",
    "input: a\ninput: b\n", "input: a\n---\ninput: b\n", "=: 1\n", "1: 2\n", "null: 1\n", "<<: 3\n",
    "<<: {fps: 30}\n",
]  # fmt: skip


class Case:
    """One seeded configuration."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.command = self.dice.choice(COMMANDS)
        config = self.command.config
        self.names = [*options_of(config), *(sorted(eqvi.KEYS) if config is InterpolateConfig else ())]

    def text(self) -> str:
        """Return a value as it is typed."""
        kinds = [WORDS, NUMBERS, [str(self.dice.randint(-5, 10**6)), f"{self.dice.uniform(0, 100)}"]]
        return self.dice.choice(self.dice.choice(kinds))

    def given(self) -> tuple[str, str]:
        """Return the name of an option and a typed value, half of them sensible."""
        return self.dice.choice(SENSIBLE) if self.dice.random() < 0.5 else (self.name(), self.text())

    def name(self) -> str:
        """Return the name of an option, now and then a wrong or a nested one."""
        name = self.dice.choice(self.names)
        if self.dice.random() < 0.1:
            at = self.dice.randrange(len(name))
            return name[:at] + self.dice.choice(["", "_", ".", "x", " ", "é"]) + name[at + 1 :]
        option = options_of(self.command.config).get(name)
        return option.key if option is not None and self.dice.random() < 0.2 else name

    def by_command_line(self, folder: Path) -> Configuration:
        """Return the configuration that typed arguments give."""
        arguments: list[str] = self.dice.choice([[], ["film.mp4"], ["a.png", "b.png"], ["-i", self.text()]])
        for _ in range(self.dice.randint(0, 5)):
            name, text = self.given()
            flag = f"--{name}"
            flag = flag.replace("_", "-") if self.dice.random() < 0.8 else flag
            flag = self.dice.choice(
                [flag, flag, flag, "--set", "-x", "-y", "-o", "--multi", "--config", "--scale"]
            )
            value = f"{name}={text}" if flag == "--set" else text
            joined = f"{flag}={value}" if self.dice.random() < 0.3 else None
            arguments += [joined] if joined else [flag, value] if self.dice.random() < 0.9 else [flag]
        return parse_command_line(self.command, arguments).config

    def by_file(self, folder: Path) -> Configuration:
        """Return the configuration that a file gives."""
        path = folder / "fuzz.yaml"
        if self.dice.random() < 0.4:
            path.write_bytes(self.dice.choice(FILES).encode("utf-8", "surrogatepass"))
        elif self.dice.random() < 0.1:
            path.write_bytes(self.dice.randbytes(200))
        else:
            lines = [
                f"{name}: {text}\n" for name, text in (self.given() for _ in range(self.dice.randint(1, 6)))
            ]
            path.write_bytes("".join(["input: a\n", *lines]).encode("utf-8", "surrogatepass"))
        return self.command.config.from_values(read_yaml(path))

    def by_python(self, folder: Path) -> Configuration:
        """Return the configuration that arguments in Python give."""
        given = dict(self.given() for _ in range(self.dice.randint(1, 3)))
        objects = {self.name(): self.dice.choice(OBJECTS) for _ in range(self.dice.randint(0, 2))}
        return self.command.config.from_values({"input": "a", **given, **objects})

    def checked(self, message: str) -> None:
        """Make sure that a message is one line of a sensible length."""
        assert "\n" not in message, message
        assert len(message) < 6000

    def run(self, folder: Path) -> Configuration | None:
        """Return the configuration, or None where it is refused."""
        begin = time.monotonic()
        way = self.dice.choice([self.by_command_line, self.by_file, self.by_python])
        try:
            config = way(folder)
        except ConfigError as error:
            return self.checked(str(error))
        finally:
            assert time.monotonic() - begin < MOST_SECONDS
        assert type(config).from_values(yaml.safe_load(config.to_yaml())) == config or has_objects(config)
        return config


def has_objects(config: Configuration) -> bool:
    """Whether the model's options hold what YAML cannot: Python may give them anything."""
    return isinstance(config, InterpolateConfig) and bool(config.model_options)


@pytest.mark.parametrize(
    "part", [pytest.param(0, id="quick"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_every_configuration_is_understood_or_refused(part: int, tmp_path: Path) -> None:
    seeds = range(QUICK) if part == 0 else range(QUICK, COUNT)
    understood = 0
    for seed in seeds:
        try:
            understood += Case(seed).run(tmp_path) is not None
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    assert len(seeds) * 0.1 < understood < len(seeds) * 0.9, "both kinds are tried"


def test_the_commands_are_the_ones_that_are_tried() -> None:
    assert {command.config for command in COMMANDS} == {AssembleConfig, InterpolateConfig}
