"""Runs one job per clip of a data set."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from vfi.errors import AlreadyComplete, DamagedInputError
from vfi.io.partial import is_complete
from vfi.jobs.report import ProgressCallback, Report
from vfi.jobs.runner import Job, run


def run_clips(
    root: Path,
    outputs: Mapping[Path, Path],
    *,
    resume: bool,
    check: Callable[[Path], object],
    open_job: Callable[[Path], AbstractContextManager[Job]],
    progress: ProgressCallback | None = None,
) -> Report:
    """Run a job per clip and return the sum of their reports; damage is reported at the end.

    All clips are checked before the first one is begun, so that mistakes are reported at once.

    Args:
        root: Folder of all outputs.
        outputs: Output of every clip, by the clip's folder.
        resume: Whether clips whose output exists are complete and kept.
        check: Function that raises an error for a clip that cannot be processed.
        open_job: Function that opens the job of a clip.
        progress: Callback that receives the progress of each clip.

    Raises:
        DamagedInputError: If clips were damaged; the outputs hold what could be read.
        VfiError: If something else is wrong with a clip; clips behind it are not begun.
        Interrupted: If the user stopped the run.
    """
    begin = time.monotonic()
    complete = [clip for clip in outputs if resume and is_complete(outputs[clip])]
    clips = [clip for clip in outputs if clip not in complete]
    for clip in clips:
        check(clip)
    reports: list[Report] = []
    damages: list[str] = []
    for clip in clips:
        try:
            with open_job(clip) as job:
                reports.append(run(job, progress))
        except AlreadyComplete:  # killed between the last rename and the removal of its traces
            complete.append(clip)
        except DamagedInputError as error:
            damages.append(str(error))
    if damages:
        raise DamagedInputError(" ".join(damages))
    kept = [f"{outputs[clip]} was complete and is kept." for clip in complete]
    return Report(
        output=root,
        frames_in=sum(report.frames_in for report in reports),
        frames_out=sum(report.frames_out for report in reports),
        cuts=sum(report.cuts for report in reports),
        seconds=round(time.monotonic() - begin, 3),
        notes=(*kept, *dict.fromkeys(note for report in reports for note in report.notes)),
        clips=len(outputs),
    )
