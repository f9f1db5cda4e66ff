"""Shards: one output rendered in parts, on any number of machines, and joined to the same bytes.

A shard is a range of output frames. It reads the source frames that it needs and a few before, so that every
frame equals that of a run of the whole. In a film, shards begin where segments of the unfinished output begin
(:attr:`~vfi.io.base.SinkOptions.segment_frames`), so that the joined film consists of the same segments::

    with open_job(config) as job:
        shards = split(job.count(), 5, job)
    for shard in shards:                        # on any machine, in parallel
        with open_job(config) as job:
            run_shard(job, shard, folder)
    with open_job(config) as job:
        report = join_shards(job, shards, folder)
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vfi.errors import ConfigError, DamagedInputError, OutputError
from vfi.io.images.animation import ANIMATION_SUFFIXES
from vfi.io.open import is_image_folder, open_sink
from vfi.io.partial import partial_path
from vfi.jobs.journal import Journal, Log
from vfi.jobs.report import ProgressCallback, ProgressMeter, Report
from vfi.jobs.runner import Job, stopping

_RESULT_FILE = "result.json"


@dataclass(frozen=True)
class Shard:
    """A part of an output."""

    number: int
    """Number of the shard in the order of time, from 0."""
    first: int
    """Number of its first output frame."""
    stop: int | None
    """Number of the output frame after its last; None: to the end."""


def split(count: int, shards: int, job: Job) -> list[Shard]:
    """Shards of about equal length, at most one per segment of the output.

    Args:
        count: Number of output frames.
        shards: Wanted number of shards, 1 or more.
        job: Job of the whole output; its output decides where shards may begin.

    Raises:
        ConfigError: If the output cannot be joined, or the number of shards is not positive.
    """
    unit = 1 if is_image_folder(job.output) else job.options.segment_frames
    return split_at([count * number // shards for number in range(1, max(shards, 1))], job, unit, shards)


def split_at(borders: list[int], job: Job, unit: int | None = None, shards: int = 1) -> list[Shard]:
    """Shards that begin at given output frames or, in a film, at the nearest beginnings of segments.

    Args:
        borders: Numbers of output frames.
        job: Job of the whole output.
        unit: Frames per segment; None: as the output has them.
        shards: Wanted number of shards, for the check only.

    Raises:
        ConfigError: If the output cannot be joined, or the number of shards is not positive.
    """
    if shards < 1:
        raise ConfigError(f"An output cannot be split into {shards} shards: give 1 or more.")
    if job.output.suffix[1:].lower() in ANIMATION_SUFFIXES:
        raise ConfigError(f"{job.output} is an animation, which cannot be joined of shards: choose a film.")
    if unit is None:
        unit = 1 if is_image_folder(job.output) else job.options.segment_frames
    starts = sorted({0, *(round(border / unit) * unit for border in borders)})
    stops = [*starts[1:], None]
    return [Shard(number, *ends) for number, ends in enumerate(zip(starts, stops, strict=True))]


def run_shard(job: Job, shard: Shard, folder: Path, progress: ProgressCallback | None = None) -> None:
    """Render one shard; called again, it continues where it was interrupted.

    Args:
        job: Job of the whole output.
        shard: Part to render.
        folder: Folder of all shards, empty or missing before the first one.
        progress: Callback that receives the progress now and then, in frames of the shard.

    Raises:
        VfiError: If something is wrong; see :mod:`vfi.errors`.
        Interrupted: If the user stopped the run.
    """
    output = _shard_output(job, shard, folder)
    output.parent.mkdir(parents=True, exist_ok=True)
    options = replace(job.options, resume=True, overwrite=False, first_frame=shard.first)
    with open_sink(output, job.source, options) as sink:
        journal = Journal(output, resume=True)
        count = None if shard.stop is None else shard.stop - shard.first
        done = sink.completed - shard.first
        meter = ProgressMeter(output.name, count, done, progress)
        with stopping(sink, journal), job.surroundings():
            for frame in job.frames(sink.completed, journal, since=shard.first):
                if shard.stop is not None and frame.index >= shard.stop:
                    break
                sink.write(frame)
                done = frame.index - shard.first + 1
                meter.update(done)
            journal.close()
            sink.suspend()
        meter.update(done, finished=True)
    result = {"frames_in": job.frames_in, "frames": done, "damage": job.source.damage}
    (output.parent / _RESULT_FILE).write_text(json.dumps(result), "utf-8")


def join_shards(
    job: Job, shards: list[Shard], folder: Path, progress: ProgressCallback | None = None
) -> Report:
    """Join finished shards to the output; it equals the output of a run of the whole.

    Args:
        job: Job of the whole output.
        shards: All shards, finished.
        folder: Folder of all shards; deleted at the end.
        progress: Callback that receives the progress at the end.

    Raises:
        OutputError: If a shard is missing, or the output cannot be written.
        DamagedInputError: If the source was damaged; the output holds what could be read.
    """
    results = [_result(job, shard, folder) for shard in shards]
    total = sum(result["frames"] for result in results)
    outputs = [_shard_output(job, shard, folder) for shard in shards]
    with Log(job.log, job.description) as log:
        # Frames of an interrupted joining belong to the same output: they are kept.
        with open_sink(job.output, job.source, replace(job.options, resume=True)) as sink:
            for output in outputs:
                sink.adopt(partial_path(output))
            meter = ProgressMeter(job.output.name, total, total, progress)
            if sink.completed != total:
                raise OutputError(
                    f"The shards in {folder} hold {sink.completed} of {total} frames: run them again."
                )
            journal = Journal(job.output, resume=False)
            with stopping(sink, journal):
                journal.join([Journal(output, resume=True) for output in outputs])
                log.add_pairs(journal)
                cuts, pauses = journal.cuts(), journal.notes()
                journal.close()
                notes = sink.finish()
        damage = next((result["damage"] for result in results if result["damage"]), None)
        report = Report(
            output=job.output,
            frames_in=results[-1]["frames_in"],
            frames_out=total,
            cuts=cuts,
            seconds=round(meter.seconds, 3),
            notes=(*job.notes, *pauses, *notes),
            damage=damage,
        )
        log.finish(report)
        meter.update(total, finished=True)
    shutil.rmtree(folder)
    if damage:
        raise DamagedInputError(f"{damage} What could be read is in {job.output}.")
    return report


def _shard_output(job: Job, shard: Shard, folder: Path) -> Path:
    """The output of a shard: named as that of the job, in a folder of its own; it stays unfinished."""
    return folder.absolute() / f"shard_{shard.number:05d}" / job.output.name


def _result(job: Job, shard: Shard, folder: Path) -> dict[str, Any]:
    """Numbers of frames and damage of a finished shard, by name.

    Raises:
        OutputError: If the shard is not finished.
    """
    path = _shard_output(job, shard, folder).parent / _RESULT_FILE
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"Shard {shard.number} in {folder} is not finished: run it first.") from error
