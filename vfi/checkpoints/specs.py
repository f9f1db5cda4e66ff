"""Descriptions of released weight files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Metric(NamedTuple):
    """One published metric of a released file."""

    dataset: str
    """Data and protocol, such as ``"REDS_VTSR x2, 30 clips"``."""
    name: str
    """``"PSNR"`` (dB) or ``"SSIM"``."""
    value: float


@dataclass(frozen=True)
class CheckpointSpec:
    """Description of a weight file: its path, its family, where to get it."""

    path: Path
    """Path relative to the checkpoints folder, as in the authors' project."""
    family: str
    """Family of the file, a name in :data:`vfi.checkpoints.families.FAMILIES`."""
    page: str
    """Address of the download page."""
    description: str
    """Description of the file in a few words."""
    licence: str = "as its authors state on the page"
    sha256: str | None = None
    """SHA-256, or its first digits where only these are published; None where none are."""
    metrics: tuple[Metric, ...] = ()
    """Metrics published by the authors."""
    in_project: bool = False
    """Whether the authors' project has the file beside its scripts instead of in a folder ``checkpoints``;
    the working folder and the clone are then searched too."""
