"""The folder of an unfinished output: whose it is, what may be deleted, and when it is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.outputs import feed, frames, native_frame, rgb_frame, source, write_all
from vfi.errors import AlreadyComplete, ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.open import find_clips, open_sink
from vfi.io.partial import PartialFolder, file_record, is_complete, matches_record

NAMES = ("out.mp4", "out", "out.gif")


def make(name: str, count: int = 4) -> list[Any]:
    create = native_frame if name.endswith("mp4") else rgb_frame
    return list(frames([create(number) for number in range(count)]))


def begun(path: Path, count: int = 4) -> None:
    """Leave an interrupted run."""
    with open_sink(path, source(), SinkOptions(fingerprint="f", segment_frames=2)) as sink:
        feed(sink, make(path.name, count)).flush()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_a_second_run_is_refused_and_names_the_first(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    with open_sink(tmp_path / name, source()) as sink:
        feed(sink, make(name)).flush()
        with pytest.raises(OutputError, match=r"is being written by another run \(process \d+ on .+\): wait"):
            open_sink(tmp_path / name, source(), SinkOptions(**options))
        sink.finish()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", ["{}", '{"vfi": 1}', "[]", "", None])
@pytest.mark.parametrize("resume", [False, True])
def test_a_foreign_folder_is_refused_by_name_and_kept(
    tmp_path: Path, name: str, content: str | None, resume: bool
) -> None:
    folder = tmp_path / f"{name}.part"
    folder.mkdir()
    (folder / "000000.mkv").write_text("mine")
    if content is not None:
        (folder / "state.json").write_text(content)
    with pytest.raises(OutputError, match=r"\.part is in the way and was not created by vfi: move it away"):
        open_sink(tmp_path / name, source(), SinkOptions(resume=resume))
    assert (folder / "000000.mkv").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_foreign_file_in_our_folder_is_never_deleted(tmp_path: Path) -> None:
    begun(tmp_path / "out.mp4")
    precious = tmp_path / "out.mp4.part" / "precious.txt"
    precious.write_text("mine")
    with pytest.raises(OutputError, match=r"precious\.txt is in the way and was not created by vfi"):
        open_sink(tmp_path / "out.mp4", source(), SinkOptions(fingerprint="g"))
    with open_sink(
        tmp_path / "out.mp4", source(), SinkOptions(resume=True, fingerprint="f", segment_frames=2)
    ) as sink:
        assert sink.completed == 4
        sink.finish()
    assert [path.name for path in precious.parent.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("name", ["out.mp4", "out"])
@pytest.mark.parametrize("content", [b"", b"\0" * 60, b"[]", b"7", b"\xff\xfe\x80", b"{"])
def test_a_damaged_state_is_one_sentence_and_starting_over_works(
    tmp_path: Path, name: str, content: bytes
) -> None:
    begun(tmp_path / name)
    (tmp_path / f"{name}.part" / "state.json").write_bytes(content)
    options: dict[str, Any] = {"fingerprint": "f", "segment_frames": 2}
    with pytest.raises(ConfigError, match="is damaged: leave --resume out to start over"):
        open_sink(tmp_path / name, source(), SinkOptions(resume=True, **options))
    write_all(tmp_path / name, source(), make(name), **options)
    assert is_complete(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_resuming_what_is_finished_says_so(tmp_path: Path, name: str) -> None:
    write_all(tmp_path / name, source(), make(name))
    with pytest.raises(AlreadyComplete, match="is complete: there is nothing to resume") as caught:
        open_sink(tmp_path / name, source(), SinkOptions(resume=True))
    assert caught.value.exit_code == 0
    with pytest.raises(OutputError, match="give --overwrite"):
        open_sink(tmp_path / name, source())


@pytest.mark.parametrize("name", NAMES)
def test_killed_before_the_cleaning_up_is_complete(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(PartialFolder, "clear", lambda _: None)
        write_all(tmp_path / name, source(), make(name))
    assert not is_complete(tmp_path / name)
    with pytest.raises(AlreadyComplete, match="the remains of the work on it are deleted"):
        open_sink(tmp_path / name, source(), SinkOptions(resume=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_killed_before_the_lock_was_deleted_is_complete(tmp_path: Path, name: str) -> None:
    write_all(tmp_path / name, source(), make(name))
    (tmp_path / f"{name}.part.lock").write_text('{"program": "vfi lock"}')
    assert not is_complete(tmp_path / name)
    with pytest.raises(AlreadyComplete):
        open_sink(tmp_path / name, source(), SinkOptions(resume=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_at_the_end_loses_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with open_sink(path, source(), SinkOptions(fingerprint="f")) as sink:
        feed(sink, make(name)).flush()
        rival = path
        if name == "out":
            path.mkdir()
            rival = path / "rival.txt"
        rival.write_text("precious")
        with pytest.raises(OutputError, match="meanwhile"):
            sink.finish()
    assert rival.read_text() == "precious"
    with open_sink(path, source(), SinkOptions(fingerprint="f", resume=True, overwrite=True)) as sink:
        assert sink.completed == 4
        sink.finish()
    assert is_complete(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 9, b'{"program": "vfi lock"'])
def test_a_lock_file_without_a_lock_is_taken_over_or_refused(tmp_path: Path, content: bytes) -> None:
    lock = tmp_path / "out.mp4.part.lock"
    lock.write_bytes(content)
    if content.strip(b"\0"):
        with pytest.raises(OutputError, match=r"\.lock is in the way and was not created by vfi"):
            open_sink(tmp_path / "out.mp4", source())
        assert lock.read_bytes() == content
    else:
        write_all(tmp_path / "out.mp4", source(), make("out.mp4"))
        assert is_complete(tmp_path / "out.mp4")
        assert not lock.exists()


@pytest.mark.parametrize("length", [247, 300])
def test_long_names_are_refused_in_one_sentence(tmp_path: Path, length: int) -> None:
    for suffix in ("", ".mp4", ".gif"):
        name = "x" * (length - len(suffix)) + suffix
        with pytest.raises(OutputError, match="choose a shorter name"):
            write_all(tmp_path / name, source(), make(name))
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_of_an_input_is_no_dataset() -> None:
    assert find_clips("x" * 300) == []


def test_a_record_knows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    record = json.loads(json.dumps(file_record(path)))
    assert matches_record(path, record)
    for wrong in (b"abd", b"", b"abcd"):
        path.write_bytes(wrong)
        assert not matches_record(path, record)
    assert not matches_record(tmp_path / "missing", record)
