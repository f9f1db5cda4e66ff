"""Runs any job: opens its sink, writes its frames, reports its progress, and resumes what was interrupted.

A :class:`Job` yields the output frames of a source; :func:`run` does everything else. Decoding and encoding
run in threads of the source and the sink, a few frames ahead; the job runs in the caller's thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from typing_extensions import Self

from vfi.config import Configuration
from vfi.errors import DamagedInputError, Interrupted, OutputError
from vfi.io.base import FrameSink, FrameSource, SinkOptions
from vfi.io.frames import OutputFrame
from vfi.io.open import open_sink
from vfi.jobs.journal import Journal, Log
from vfi.jobs.report import ProgressCallback, ProgressMeter, Report


class Job(ABC):
    """A task that turns the frames of a source into those of one output; its context closes the source."""

    def __init__(
        self, source: FrameSource, output: Path, options: SinkOptions, *, expected: int | None = None
    ) -> None:
        """Initialize the attributes of every job.

        Args:
            source: Open source; the job closes it.
            output: Video, animation, or folder of images to write.
            options: Options of the sink.
            expected: Approximate number of output frames; None: unknown.
        """
        self.source = source
        self.output = output
        self.options = options
        self.expected = expected
        self.notes = list(source.info.notes)
        """Sentences for the report."""
        self.log: Path | None = None
        """File for the log of decisions; None: no log."""
        self.description: Mapping[str, object] = {}
        """Options and source for the head of the log, as plain JSON values."""

    @property
    @abstractmethod
    def frames_in(self) -> int:
        """Number of source frames read so far, those before a resumed run included."""

    @abstractmethod
    def frames(self, first: int, journal: Journal, since: int = 0) -> Iterator[OutputFrame]:
        """The output frames from one number on, each exactly as in a run from the beginning.

        Args:
            first: Number of the first wanted output frame.
            journal: Journal that receives the decisions on the way.
            since: Number of the first output frame of the journal: a shard begins there.
        """

    def surroundings(self) -> AbstractContextManager[None]:
        """Context in which the frames are rendered."""
        return nullcontext()

    def __enter__(self) -> Self:
        """The job itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the source."""
        self.source.close()


def run(job: Job, progress: ProgressCallback | None = None) -> Report:
    """Run a job from its beginning, or from where it was interrupted.

    Args:
        job: Job whose source has not been read.
        progress: Callback that receives the progress now and then, in this thread.

    Raises:
        VfiError: If something is wrong; see :mod:`vfi.errors`. After a :class:`~vfi.errors.DamagedInputError`
            the output is complete as far as the input could be read.
        Interrupted: If the user stopped the run.
    """
    with Log(job.log, job.description) as log, open_sink(job.output, job.source, job.options) as sink:
        journal = Journal(job.output, resume=sink.completed > 0)
        meter = ProgressMeter(job.output.name, job.expected, sink.completed, progress)
        meter.update(sink.completed)
        count = sink.completed
        with stopping(sink, journal), job.surroundings():
            for frame in job.frames(sink.completed, journal):
                sink.write(frame)
                count = frame.index + 1
                meter.update(count)
            log.add_pairs(journal)
            cuts, pauses = journal.cuts(), journal.notes()
            journal.close()
            notes = sink.finish()
        report = Report(
            output=job.output,
            frames_in=job.frames_in,
            frames_out=count,
            cuts=cuts,
            seconds=round(meter.seconds, 3),
            notes=(*job.notes, *pauses, *notes),
            damage=job.source.damage,
        )
        log.finish(report)
        meter.update(count, finished=True)
    if report.damage:
        raise DamagedInputError(f"{report.damage} What could be read is in {job.output}.")
    return report


def sink_options(config: Configuration, identity: str) -> SinkOptions:
    """The options of the sink that every job takes from its configuration.

    Args:
        config: All options of a job that writes frames.
        identity: Fingerprint of the run.
    """
    return SinkOptions(
        codec=config.codec,
        quality=config.quality,
        preset=config.preset,
        pixel_format=config.pixel_format,
        overwrite=config.overwrite,
        resume=config.resume,
        fingerprint=identity,
    )


@contextmanager
def stopping(sink: FrameSink, journal: Journal) -> Iterator[None]:
    """Stop cleanly on Ctrl-C and on errors of disk and input, and report what was kept.

    Args:
        sink: Open sink, which is aborted.
        journal: Journal of the output; it is kept if the sink can be resumed.

    Raises:
        Interrupted: If the user stopped the run.
        OutputError: If the output could not be written.
    """
    try:
        yield
    except BaseException as error:
        kept: list[str] = []
        journal.close()  # which lies in the folder that the sink may delete
        with suppress(OutputError) if not isinstance(error, OutputError) else nullcontext():
            kept = sink.abort()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(" ".join(["Stopped.", *kept])) from error
        if isinstance(error, OutputError):
            raise OutputError(" ".join([str(error), *kept])) from error
        raise
