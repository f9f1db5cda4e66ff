"""Interpolation of films: read, find cuts, pair up, interpolate, write.

:func:`interpolate_video` is the entry point. Inside, every stage is a generator over small records:
``vfi.io`` reads, :mod:`.windows` finds cuts and neighbours, :mod:`.render` makes what the schedule asks for,
``vfi.io`` writes.
"""

from vfi.interpolation.records import Interrupted, Progress, Report
from vfi.interpolation.video import interpolate, interpolate_video

__all__ = ["Interrupted", "Progress", "Report", "interpolate", "interpolate_video"]
