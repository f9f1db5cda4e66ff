"""Operators on images and flows for any model: warping, splatting, correlation, resizing, padding.

Conventions as in :mod:`vfi.types`: flows in pixels of their own resolution, channels (x right, y down),
``align_corners=True`` in all sampling. :mod:`vfi.ops.reference` defines each operator in plain loops.
"""

from vfi.ops.backends.select import Backend, live_backend
from vfi.ops.blend import blend_frames, t_plane
from vfi.ops.box import block_mean, box_mean
from vfi.ops.correlation import correlation
from vfi.ops.fill import fill_holes
from vfi.ops.flow import compose_flow, round_trip_error
from vfi.ops.grid import pixel_grid
from vfi.ops.padding import Padding
from vfi.ops.resize import resize_flow
from vfi.ops.splat import Splat, average_splat, forward_splat, normalise_splat, softmax_splat
from vfi.ops.warp import backward_warp

__all__ = [
    "Backend",
    "Padding",
    "Splat",
    "average_splat",
    "backward_warp",
    "blend_frames",
    "block_mean",
    "box_mean",
    "compose_flow",
    "correlation",
    "fill_holes",
    "forward_splat",
    "live_backend",
    "normalise_splat",
    "pixel_grid",
    "resize_flow",
    "round_trip_error",
    "softmax_splat",
    "t_plane",
]
