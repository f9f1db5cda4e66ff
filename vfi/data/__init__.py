"""Synthetic scenes with exact truth, and clips made of them."""

from vfi.data.clip import write_clip
from vfi.data.layer import Layer
from vfi.data.motion import Motion
from vfi.data.sound import SoundTrack, Tone
from vfi.data.sprite import Sprite
from vfi.data.synthetic import Scene, random_scene

__all__ = ["Layer", "Motion", "Scene", "SoundTrack", "Sprite", "Tone", "random_scene", "write_clip"]
