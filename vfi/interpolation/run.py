"""Runs one source into one output: read, compare, pair up, render, write.

Decoding and encoding run in threads of the source and the sink, a few frames ahead; everything between runs
here, and holds the frames of one window.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vfi.config import InterpolateConfig
from vfi.errors import DamagedInputError, InputError, OutputError
from vfi.interpolation import settings
from vfi.interpolation.eqvi_protocol import Transform
from vfi.interpolation.log import DecisionLog
from vfi.interpolation.records import Change, Interrupted, Pair, Progress, ProgressCallback, Report, Shot
from vfi.interpolation.render import Renderer, check_names
from vfi.interpolation.windows import find_shots, pair_up
from vfi.io.base import FrameSink, FrameSource
from vfi.io.frames import OutputFrame, SourceFrame
from vfi.io.open import open_sink

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

PROGRESS_SECONDS = 0.1
"""Progress is told at most this often."""


class ProgressMeter:
    """Tells a callback how far a run is."""

    def __init__(self, name: str, total: int | None, done: int, callback: ProgressCallback | None) -> None:
        self._name = name
        self._total = total
        self._skipped = done
        self._callback = callback
        self._begin = time.monotonic()
        self._told = -PROGRESS_SECONDS

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._begin

    def tell(self, done: int, *, finished: bool = False) -> None:
        """Report that so many frames are written."""
        seconds = self.seconds
        if self._callback is None or (seconds - self._told < PROGRESS_SECONDS and not finished):
            return
        self._told = seconds
        total = done if finished else self._total if self._total is None else max(self._total, done)
        rate = (done - self._skipped) / seconds if done > self._skipped and seconds > 0 else None
        remaining = (total - done) / rate if total is not None and rate else None
        self._callback(Progress(done, total, seconds, rate, remaining, self._name))


def interpolate_source(
    source: FrameSource,
    config: InterpolateConfig,
    model: Interpolator,
    output: Path,
    progress: ProgressCallback | None = None,
) -> Report:
    """Interpolate an open source into ``output``.

    Args:
        source: Where the frames come from; read to its end. It has passed
            :func:`~vfi.interpolation.settings.check_source`.
        config: All options.
        model: Makes the new frames.
        output: A film, an animation, or a folder for images.
        progress: Called now and then, in this thread.

    Raises:
        VfiError: see :mod:`vfi.errors`; in case of :class:`~vfi.errors.DamagedInputError` the output is
            complete as far as the input could be read.
        Interrupted: the user stopped the run.
    """
    model = settings.with_ensemble(model, config)
    transform = Transform(config.test_size, config.test_crop_size)
    timing = settings.build_timing(config, source.info, hold_last=not settings.is_image_folder(output))
    height, width = transform.output_size(source.info.height, source.info.width)
    tile, notes = settings.choose_tile(config, model, height, width)
    notes = [*source.info.notes, *notes]
    mark = settings.fingerprint(config, source.info, model, tile)
    head = settings.describe_run(config, source.info, model, output, tile)
    options = settings.sink_options(config, source.info, timing, transform, mark)
    frames = transform.frames(_at_least_two(source))
    with open_sink(output, source, options) as sink, DecisionLog(config.log, head) as log:
        renderer = Renderer(model, timing, settings.render_rules(config, tile), skip=sink.completed)
        report = _Run(source, sink, log, renderer, output, progress).work(frames, config, notes)
    if report.damage:
        raise DamagedInputError(f"{report.damage} What could be read is in {output}.")
    return report


@contextmanager
def _torch_threads(model: Interpolator) -> Iterator[None]:
    """The number of threads that suits the model beside a decoder and an encoder; restored afterwards.

    Measured with the quadratic model on two busy cores: 13 instead of 22 to 94 seconds for a run, because
    threads that wait for each other hold the cores.
    """
    before = torch.get_num_threads()
    wanted = before if model.cpu_threads is None else min(model.cpu_threads, before)
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def stopping(sink: FrameSink) -> Iterator[None]:
    """Stop cleanly when the user or the disk says so, and tell what was kept.

    Raises:
        Interrupted: the user stopped the run.
        OutputError: the output could not be written.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(" ".join(["Stopped.", *sink.abort()])) from error
    except OutputError as error:
        raise OutputError(" ".join([str(error), *sink.abort()])) from error


class _Run:
    """One source on its way into one sink."""

    def __init__(
        self,
        source: FrameSource,
        sink: FrameSink,
        log: DecisionLog,
        renderer: Renderer,
        output: Path,
        progress: ProgressCallback | None,
    ) -> None:
        self.source = source
        self.sink = sink
        self.log = log
        self.renderer = renderer
        self.output = output
        total = renderer.timing.estimate_count(source.info.frame_count, source.info.duration)
        self.meter = ProgressMeter(output.name, total, sink.completed, progress)
        self.frames_in = 0
        self.cuts = 0

    def work(self, frames: Iterable[SourceFrame], config: InterpolateConfig, notes: Iterable[str]) -> Report:
        """Pass all frames through and complete the output; ``notes`` go before those of the sink."""
        shots = find_shots(self._count(frames), settings.scene_rules(config))
        self.meter.tell(self.sink.completed)
        with stopping(self.sink), _torch_threads(self.renderer.model):
            for part in pair_up(shots, self.renderer.model.window):
                for frame in self._render(part):
                    self.sink.write(frame)
                    self.meter.tell(frame.index + 1)
            told = self.sink.finish()
        report = Report(
            output=self.output,
            frames_in=self.frames_in,
            frames_out=self.renderer.count,
            cuts=self.cuts,
            seconds=round(self.meter.seconds, 3),
            notes=(*notes, *told),
            damage=self.source.damage,
        )
        self.log.finish(report)
        self.meter.tell(self.renderer.count, finished=True)
        return report

    def _count(self, frames: Iterable[SourceFrame]) -> Iterator[SourceFrame]:
        for frame in frames:
            self.frames_in += 1
            yield frame

    def _render(self, part: Pair | Shot) -> Iterator[OutputFrame]:
        if not isinstance(part, Pair):
            return self.renderer.last(part)
        if settings.is_image_folder(self.output):
            check_names(part, self.renderer.timing)
        decision, frames = self.renderer.pair(part)
        self.cuts += part.end.change is Change.CUT
        self.log.add(decision)
        return frames


def _at_least_two(source: FrameSource) -> Iterator[SourceFrame]:
    """All frames of the source, after making sure that there is something between them."""
    frames = iter(source)
    first = list(islice(frames, 2))
    if len(first) == 2:
        return chain(first, frames)
    path = source.info.path
    if source.damage:
        raise InputError(source.damage)
    if not first:
        raise InputError(f"{path} holds no frame in the wanted range: choose another --start and --end.")
    raise settings.one_frame_only(source.info)
