"""From a film to a smoother film: read, compare, pair up, interpolate, write.

:func:`interpolate_video` is the front door. Inside, every stage is a generator over small records:
``vfi.io`` reads, :mod:`~vfi.pipeline.windows` finds cuts and neighbours, :mod:`~vfi.pipeline.render` makes
what the schedule asks for, ``vfi.io`` writes. :func:`assemble_video` makes films of folders of images,
:func:`explain` shows how one frame comes about.
"""

from vfi.pipeline.assemble import assemble, assemble_video
from vfi.pipeline.explanation import Explanation, explain
from vfi.pipeline.records import Interrupted, Progress, Report
from vfi.pipeline.video import interpolate, interpolate_video

__all__ = [
    "Explanation",
    "Interrupted",
    "Progress",
    "Report",
    "assemble",
    "assemble_video",
    "explain",
    "interpolate",
    "interpolate_video",
]
