"""EQVI's test configurations: their keys, translated to the options of ``vfi interpolate``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from vfi.config import parsers
from vfi.config.options import TTA
from vfi.errors import ConfigError

RENAMED = {
    "testset_root": "input",
    "store_path": "output",
    "test_size": "resize",
    "test_crop_size": "crop",
    "preserve_input": "write_originals",
}
"""Keys of EQVI's files, and the options that they are here."""

SWITCHES = {**{switch: word for word, switch in TTA.items()}, "MS_test": "half"}
"""Keys that switch test-time ensembles on, and the words of ``tta`` that they are here."""

RETIRED = {
    "pwc_path": "the flow network comes with the model",
    "testset": "every folder of clips is read the same way",
}
"""Keys that have no meaning here, and why."""

OFFICIAL_MODELS = {"EQVI": "eqvi.stage123", "MS-Fusion": "eqvi.stage4"}
"""EQVI's names of its two networks, and a model of the same network. ``EQVI`` needs a checkpoint, which
decides about the weights: three of the released files hold that network."""

KEYS = frozenset((*RENAMED, *SWITCHES, *RETIRED, "mean", "std"))
"""All keys that only EQVI's files have."""


def translate(values: dict[str, object]) -> dict[str, object]:
    """Return the options that values mean, some of which may have EQVI's keys.

    A folder given as ``testset_root`` holds clip folders, and implies EQVI's rounding: fractions are cut off.

    Args:
        values: Flat values by option or by EQVI's key.

    Raises:
        ConfigError: If a key has no meaning here, or an option is given under both names.
    """
    for key in RETIRED.keys() & values:
        raise ConfigError(f"The option {key} is not needed any more: {RETIRED[key]}; please remove it.")
    _check_normalisation(values)
    kept = {name: value for name, value in values.items() if name not in KEYS}
    for key in RENAMED.keys() & values:
        if RENAMED[key] in kept:
            raise ConfigError(f"Give either {RENAMED[key]} or {key}, not both.")
        kept[RENAMED[key]] = values[key]
    if kept.get("rounding") == "auto":
        del kept["rounding"]
    if "testset_root" in values:
        kept.setdefault("rounding", "truncate")
        kept["clips"] = True
    _translate_switches(values, kept)
    _translate_model(kept)
    return kept


def _translate_switches(values: dict[str, object], kept: dict[str, object]) -> None:
    """Put the words of the ensembles that are switched on in ``kept["tta"]``."""
    words: list[str] = []
    for key in SWITCHES.keys() & values:
        try:
            if parsers.switch(values[key]):
                words.append(SWITCHES[key])
        except ValueError as error:
            raise ConfigError(f"{key}: {error}.") from error
    if words:
        try:
            kept["tta"] = (*parsers.words(*TTA)(kept.get("tta", ())), *words)
        except ValueError as error:
            raise ConfigError(f"tta: {error}.") from error


def _translate_model(kept: dict[str, object]) -> None:
    """Replace EQVI's name of a network by that of a model with the same network."""
    name = kept.get("model")
    if name == "EQVI" and "checkpoint" not in kept:
        raise ConfigError(
            "EQVI is a network with several sets of weights: name their file as checkpoint, or choose the "
            "model eqvi.stage3, eqvi.stage123 or eqvi.stage123_vgg."
        )
    if isinstance(name, str):
        kept["model"] = OFFICIAL_MODELS.get(name, name)


def _check_normalisation(values: dict[str, object]) -> None:
    """Refuse any mean but 0 and any standard deviation but 1."""
    for key, wanted in (("mean", 0), ("std", 1)):
        given = values.get(key, wanted)
        if isinstance(given, str):
            given = given.replace(",", " ").strip(" ()[]").split()
        items = cast("Sequence[object]", given) if isinstance(given, (list, tuple)) else [given]
        try:
            right = all(parsers.fraction(item) == wanted for item in items)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}.") from error
        if not right:
            raise ConfigError("mean must be 0 and std must be 1: all models take RGB from 0 to 1 as it is.")
