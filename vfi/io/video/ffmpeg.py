"""FFmpeg's messages: kept away from Python, where they could bring everything to a halt."""

from __future__ import annotations

import av.logging


def keep_from_python() -> None:
    """Have PyAV drop what FFmpeg's threads say; to be called before codecs are opened.

    Once a level is set, PyAV's callback waits for the interpreter's lock in whichever thread has something to
    say. A codec that is closed waits for its threads, and does so with that lock in its hand. PyAV itself
    sets no level, but importing torchvision before 0.26 does. What goes wrong is raised as exceptions anyway.
    """
    if av.logging.get_level() is not None:
        av.logging.set_level(None)
