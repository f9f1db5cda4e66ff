"""Interpolation as a job: from the options to the output frames that the runner writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vfi.base.ensemble import Ensemble, members_of
from vfi.config import InterpolateConfig
from vfi.devices import total_memory
from vfi.errors import ConfigError, InputError
from vfi.interpolation.checks import build_timing, one_frame_only
from vfi.interpolation.eqvi_protocol import Transform
from vfi.interpolation.render import Renderer, RenderRules
from vfi.interpolation.schedule import MOST_FRAMES, MOST_PER_INTERVAL, Plan, Timestamp, Timing
from vfi.interpolation.windows import SceneRules, add_neighbours, find_intervals
from vfi.io.base import FrameSource, SinkOptions
from vfi.io.frames import OutputFrame, SourceFrame, SourceInfo
from vfi.io.open import is_image_folder
from vfi.jobs.identity import fingerprint, model_identity, model_names
from vfi.jobs.journal import Decision, Journal
from vfi.jobs.runner import Job, sink_options
from vfi.version import __version__

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

MEMORY_FRACTION = 0.6
"""Fraction of the device's memory that a model may use by default: decoder, encoder and all other programs
need some too."""


class InterpolationJob(Job):
    """Inserts new frames between those of one source."""

    def __init__(
        self, source: FrameSource, config: InterpolateConfig, model: Interpolator, output: Path
    ) -> None:
        """Decide everything that does not depend on the frames.

        Args:
            source: Open source that has passed :func:`~vfi.interpolation.checks.check_source`.
            config: All options.
            model: Interpolator of the new frames.
            output: Video, animation, or folder of images to write.

        Raises:
            ConfigError: If the options do not fit the source, or ask for more than is possible.
            InputError: If a gap in the source would take too many frames.
        """
        info = source.info
        self.model = _with_ensemble(model, config)
        self.timing = build_timing(config, info, hold_last=not is_image_folder(output))
        self._transform = Transform(config.resize, config.crop)
        height, width = self._transform.output_size(info.height, info.width)
        tile, notes = choose_tile(config, self.model, height, width)
        identity = {"options": config.pixel_values(), "tile": tile, **model_identity(self.model)}
        sources = [info.path, *([config.second] if config.second else [])]
        options = sink_options(config, fingerprint(sources, identity))
        options = _with_timing(options, config, info, self.timing, (height, width))
        expected = self.timing.estimate_count(info.frame_count, info.duration)
        super().__init__(source, output, options, expected=expected)
        self.notes += notes
        self.log = config.log
        self.description = _description(config, info, self.model, output, tile)
        self._scenes = SceneRules(config.cuts != "off", config.cut_threshold, config.duplicates)
        self._rules = RenderRules(
            blend_cuts=config.cuts == "blend",
            rounding="truncate" if config.rounding == "truncate" else "nearest",
            tile=tile,
        )
        self._check_amount()
        self.plan = self._planned()

    def full_plan(self) -> Plan:
        """The plan of the whole output, from all timestamps of the source."""
        return self._planned(self.source.timestamps())

    def count(self) -> int:
        """Number of output frames, from all timestamps of the source."""
        return len(self.full_plan())

    @property
    def frames_in(self) -> int:
        """Number of source frames read so far, those before a resumed run included."""
        return self.plan.sources

    def frames(self, first: int, journal: Journal, since: int = 0) -> Iterator[OutputFrame]:
        """The output frames from number ``first`` on; see :meth:`vfi.jobs.runner.Job.frames`.

        Raises:
            InputError: If the source has no second frame.
        """
        begin, noted = self._seek(first, journal, since)
        stream = self.source.stream(begin)
        opening = list(islice(stream, 2))
        if begin + len(opening) < 2:
            raise _too_few(self.source, begin + len(opening))
        # An iterator of the list, because chain() would keep the list itself, and its frames, to the end.
        frames: Iterator[SourceFrame] = chain(iter(opening), stream)
        if self._transform.changes_frames:
            frames = map(self._transform.apply, frames)

        def note(decision: Decision) -> None:
            if decision.first >= noted:
                journal.add(decision)

        intervals = add_neighbours(find_intervals(frames, self._scenes, self.plan), self.model.window)
        return Renderer(self.model, self.plan, self._rules).frames(intervals, first, note)

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Set the number of threads that suits the model beside a decoder and an encoder.

        Measured with the quadratic model on two busy cores: 13 instead of 22 to 94 seconds for a run, because
        threads that wait for each other hold the cores.
        """
        before = torch.get_num_threads()
        wanted = before if self.model.cpu_threads is None else min(self.model.cpu_threads, before)
        torch.set_num_threads(wanted)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _planned(self, timestamps: Iterable[tuple[Fraction, Fraction]] | None = None) -> Plan:
        """The plan of a source with these timestamps; without any, the plan of a stream that begins."""
        rate = self.source.info.rate
        stamps = None if timestamps is None else (Timestamp(*stamp) for stamp in timestamps)
        return Plan(self.timing, stamps, interval=None if rate is None else 1 / rate)

    def _check_amount(self) -> None:
        """Refuse at once a number of frames that would never be written.

        Raises:
            ConfigError: If there would be too many output frames.
            InputError: If a gap in the source would take too many.
        """
        if self.expected is None or self.expected <= MOST_PER_INTERVAL:
            return
        if self.expected > MOST_FRAMES:
            raise ConfigError(
                f"{self.output} would have about {self.expected} frames, but {MOST_FRAMES} are the most: "
                "ask for a lower --fps or fewer --inter-frames, or choose a part with --start and --end."
            )
        if self.timing.rate is not None and self.source.info.kind == "video":
            self.full_plan()

    def _seek(self, first: int, journal: Journal, since: int) -> tuple[int, int]:
        """The source frame at which reading begins, and the first one whose decision is noted.

        All timestamps before the former are appended to the plan. Without a journal of the decisions before,
        reading begins where the journal does.
        """
        if first == 0:
            return 0, 0
        stamps = self.source.timestamps()
        plan = self._planned(stamps)
        end = journal.end()
        start = plan.source_of(since) if end is None else min(end, plan.source_of(first))
        begin = max(0, start - self._scenes.context)
        for time, duration in stamps[:begin]:
            self.plan.append(Timestamp(time, duration))
        return begin, start - self._scenes.reach


def _too_few(source: FrameSource, count: int) -> InputError:
    """The error for a source without a second frame."""
    if source.damage:
        return InputError(source.damage)
    if count == 0:
        return InputError(
            f"{source.info.path} holds no frame in the wanted range: choose another --start and --end."
        )
    return one_frame_only(source.info)


def _with_ensemble(model: Interpolator, config: InterpolateConfig) -> Interpolator:
    """The model itself, or its ensemble if the options ask for one."""
    if config.ensemble:
        return Ensemble(model, members_of(config.ensemble))
    model.reserve_cache(1)  # an ensemble of an earlier run may have reserved more
    return model


def choose_tile(
    config: InterpolateConfig, model: Interpolator, height: int, width: int
) -> tuple[int | None, list[str]]:
    """Tile height in rows (None: no tiles), and a note on it.

    By default the model may use :data:`MEMORY_FRACTION` of the device's memory. It is a fraction of all
    memory, not of the free one, so that a resumed run chooses the same tile.

    Args:
        config: All options.
        model: Interpolator of the frames.
        height: Frame height in pixels.
        width: Frame width in pixels.

    Raises:
        ConfigError: If the memory does not hold the smallest tile.
    """
    if config.tile is not None:
        return config.tile, []
    limit = config.max_memory or int(MEMORY_FRACTION * total_memory(model.device))
    tile = model.choose_tile(height, width, limit)
    if tile is None:
        return None, []
    return tile, [
        f"Frames were synthesized in tiles of {tile} rows, to stay within {limit / 2**30:.1f} GiB of memory "
        "(--max-memory)."
    ]


def _with_timing(
    options: SinkOptions, config: InterpolateConfig, info: SourceInfo, timing: Timing, size: tuple[int, int]
) -> SinkOptions:
    """The options of the sink with those that depend on the source and the timing.

    Args:
        options: Options that every job has.
        config: All options of the run.
        info: Information on the source.
        timing: Number and speed of the output frames.
        size: Height and width of the output in pixels.
    """
    default_audio = "copy" if timing.time_scale == 1 else "stretch"
    return replace(
        options,
        audio=default_audio if config.audio == "auto" else config.audio,
        time_scale=timing.time_scale,
        rate=timing.output_rate(info.rate),
        divisions=(timing.inter_frames or 0) + 1,
        start=config.start,
        end=config.end,
        size=None if size == (info.height, info.width) else size,
        image_format=config.image_format,
    )


def _description(
    config: InterpolateConfig, info: SourceInfo, model: Interpolator, output: Path, tile: int | None
) -> dict[str, object]:
    """Options, source and model of a run for the head of the log, as plain JSON values."""
    name, *members = model_names(model)
    return {
        "vfi": __version__,
        "input": str(info.path),
        "output": str(output),
        "size": [info.width, info.height],
        "rate": None if info.rate is None else str(info.rate),
        "model": name,
        "ensemble": members,
        "device": str(model.device),
        "dtype": str(model.precision).removeprefix("torch."),
        "tile": tile,
        "options": config.to_values(),
    }
