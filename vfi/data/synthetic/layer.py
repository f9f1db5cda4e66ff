"""A layer of a synthetic scene: what it looks like and how it moves."""

from __future__ import annotations

from dataclasses import dataclass

from vfi.data.synthetic.motion import Motion
from vfi.data.synthetic.sprite import Sprite


@dataclass(frozen=True, eq=False)
class Layer:
    """A sprite on its way through the frame."""

    sprite: Sprite
    motion: Motion
    name: str = ""
