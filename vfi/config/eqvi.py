"""EQVI's test configurations: their keys, translated to the options of ``vfi interpolate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from vfi.config import parsers
from vfi.config.fields import SWITCH, Spelling
from vfi.config.options import ENSEMBLES, TTA
from vfi.errors import ConfigError

RENAMED = {
    "testset_root": "input",
    "store_path": "output",
    "test_size": "resize",
    "test_crop_size": "crop",
    "preserve_input": "write_originals",
}
"""Keys of EQVI's files, and the corresponding options."""

SWITCHES = {**{switch: word for word, switch in TTA.items()}, "MS_test": "half"}
"""Keys of EQVI's test-time ensembles, and the corresponding words of ``tta``."""

RETIRED = {
    "pwc_path": "the flow network comes with the model",
    "testset": "every folder of clips is read the same way",
}
"""Keys without a meaning here, and the reason."""

NORMALISATION = {"mean": 0, "std": 1}
"""The only possible normalisation of the samples."""

KEYS = frozenset((*RENAMED, *SWITCHES, *RETIRED, *NORMALISATION))
"""All keys that only EQVI's files have."""

ANSWERS = {
    **{key: f"use --tta {word}" for key, word in SWITCHES.items()},
    **{key: f"give --set {key}=VALUE" for key in RENAMED},
    "no_preserve_input": "give --set preserve_input=false",
    **dict.fromkeys(NORMALISATION, "all models take RGB from 0 to 1 as it is"),
}
"""Answers to keys that are given as options of the command line."""

OFFICIAL_MODELS = {"EQVI": "eqvi.stage123", "MS-Fusion": "eqvi.stage4"}
"""EQVI's names of its two networks, and a model with the same network. ``EQVI`` needs a checkpoint, which
determines the weights: three of the released files are of that network."""


def translate(values: dict[str, object]) -> dict[str, object]:
    """Return the options for values that may have EQVI's keys.

    A folder given as ``testset_root`` holds clip folders, and implies EQVI's rounding: fractions are cut off.

    Args:
        values: Flat values by option or by EQVI's key.

    Raises:
        ConfigError: If a key has no meaning here, or an option is given under both names.
    """
    for key in RETIRED.keys() & values:
        raise ConfigError(f"The option {key} is not needed any more: {RETIRED[key]}; please remove it.")
    for key in NORMALISATION.keys() & values:
        _check_normalisation(key, values[key])
    kept = {name: value for name, value in values.items() if name not in KEYS}
    for key in RENAMED.keys() & values:
        if RENAMED[key] in kept:
            raise ConfigError(f"Give either {RENAMED[key]} or {key}, not both.")
        kept[RENAMED[key]] = values[key]
    if kept.get("rounding") == "auto":
        del kept["rounding"]
    if "testset_root" in values:
        kept = {"rounding": "truncate", **kept, "clips": True}
    words = [word for key, word in SWITCHES.items() if key in values and SWITCH(key, values[key])]
    if words:
        kept["tta"] = (*ENSEMBLES("tta", kept.get("tta", ())), *words)
    return _with_model(kept)


def _with_model(values: dict[str, object]) -> dict[str, object]:
    """Return values with EQVI's name of a network replaced by a model with the same network."""
    name = values.get("model")
    if name == "EQVI" and "checkpoint" not in values:
        raise ConfigError(
            "EQVI is a network with several sets of weights: name their file as checkpoint, or choose the "
            "model eqvi.stage3, eqvi.stage123 or eqvi.stage123_vgg."
        )
    return (
        {**values, "model": OFFICIAL_MODELS[name]}
        if isinstance(name, str) and name in OFFICIAL_MODELS
        else values
    )


def _check_normalisation(key: str, given: object) -> None:
    """Refuse any mean but 0 and any standard deviation but 1."""
    if isinstance(given, str):
        given = given.replace(",", " ").strip(" ()[]").split()
    items = cast("Sequence[object]", given) if isinstance(given, (list, tuple)) else [given]
    if any(Spelling(parsers.fraction)(key, item) != NORMALISATION[key] for item in items):
        raise ConfigError("mean must be 0 and std must be 1: all models take RGB from 0 to 1 as it is.")
