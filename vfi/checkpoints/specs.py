"""Descriptions of released weight files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Metric(NamedTuple):
    """One published number of a released file."""

    dataset: str
    """Data and protocol, such as ``"REDS_VTSR x2, 30 clips"``."""
    name: str
    """``"PSNR"`` (dB) or ``"SSIM"``."""
    value: float


@dataclass(frozen=True)
class CheckpointSpec:
    """Description of a weight file: its path, its family, where to get it."""

    place: Path
    """Relative to the checkpoints folder, as in the authors' project."""
    family: str
    """What its keys must be, a name in :data:`vfi.checkpoints.families.FAMILIES`."""
    page: str
    """Address of the page that offers the file."""
    description: str
    """What the file is, in a few words."""
    licence: str = "as its authors state on the page"
    sha256: str | None = None
    """Whole, or its first digits where only these are published; None where none are."""
    metrics: tuple[Metric, ...] = ()
    """As published by the authors."""
    in_project: bool = False
    """Whether the authors' project has its place beside its scripts, not in a folder ``checkpoints``: it is
    then looked for in the working folder and in the clone too."""
