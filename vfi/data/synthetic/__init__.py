"""Synthetic scenes with exact ground truth (frames, flow, occlusion), and clips rendered from them."""

from vfi.data.synthetic.clip import write_clip
from vfi.data.synthetic.layer import Layer
from vfi.data.synthetic.motion import Motion
from vfi.data.synthetic.scene import Scene, random_scene
from vfi.data.synthetic.sound import SoundTrack, Tone
from vfi.data.synthetic.sprite import Sprite

__all__ = ["Layer", "Motion", "Scene", "SoundTrack", "Sprite", "Tone", "random_scene", "write_clip"]
