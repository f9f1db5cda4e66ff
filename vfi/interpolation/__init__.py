"""Interpolation of films: read, find cuts and neighbours, interpolate, write.

:func:`interpolate_video` is the entry point. Inside, every stage is a generator over small records:
``vfi.io`` reads, :mod:`.windows` finds cuts and neighbours, :mod:`.render` renders the frames of the plan
(:mod:`.schedule`), and :mod:`vfi.jobs.runner` writes them.
"""

from vfi.errors import Interrupted
from vfi.interpolation.video import interpolate, interpolate_video, open_job
from vfi.jobs.report import Progress, Report

__all__ = ["Interrupted", "Progress", "Report", "interpolate", "interpolate_video", "open_job"]
