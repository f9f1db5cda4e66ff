"""Which codec and sample layout an output gets, and which losses are reported."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from tests.support.outputs import INFO
from vfi.io.frames import SourceInfo
from vfi.io.pixels import formats
from vfi.io.pixels.tags import SRGB, ColorTags
from vfi.io.video.timestamps import MAX_TICKS, OutputClock, Timeline, choose_ticks
from vfi.io.video.writing import encoders
from vfi.io.video.writing.encoders import available_codecs, output_tags, plan_encoding


def info(pixel_format: str, bits: int = 8, **changes: Any) -> SourceInfo:
    return replace(INFO, pixel_format=pixel_format, bits=bits, **changes)


HDR = info("yuv420p10le", 10, color=ColorTags(9, 16, 9))
RGB = info("rgb24", color=SRGB)
RGBA = info("rgba", color=SRGB, has_alpha=True)


@pytest.mark.parametrize(
    ("source", "suffix", "encoder", "layout"),
    [
        (INFO, "mp4", "libx264", "yuv420p"),
        (INFO, "webm", "libvpx-vp9", "yuv420p"),
        (HDR, "mp4", "libx265", "yuv420p10le"),
        (HDR, "mkv", "libx265", "yuv420p10le"),
        (HDR, "webm", "libsvtav1", "yuv420p10le"),
        (info("yuv420p", color=ColorTags(9, 18, 9)), "mov", "libx265", "yuv420p"),
        (info("yuvj420p", color=ColorTags(1, 1, 1, True)), "mp4", "libx264", "yuvj420p"),
        (info("yuv422p10le", 10), "mov", "libx265", "yuv422p10le"),
        (info("yuv444p"), "mp4", "libx264", "yuv444p"),
        (info("nv12"), "mp4", "libx264", "yuv420p"),
        (info("gray"), "mp4", "libx264", "yuv420p"),
        (info("p010le", 10), "mp4", "libx265", "yuv420p10le"),
        (RGB, "mp4", "libx264", "yuv420p"),
        (info("rgb48le", 16, color=SRGB), "mp4", "libx265", "yuv420p10le"),
        (RGBA, "mov", "prores_ks", "yuva444p10le"),
        (RGBA, "webm", "libvpx-vp9", "yuva420p"),
        (RGBA, "mkv", "ffv1", "bgra"),
        (info("yuva444p12le", 12, has_alpha=True), "mkv", "ffv1", "yuva444p12le"),
        (info("yuva444p10le", 10, has_alpha=True), "mov", "prores_ks", "yuva444p10le"),
        (info("yuv420p", width=63), "mp4", "libx264", "yuv444p"),
        (info("yuv420p", width=63), "webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_automatic_choice(source: SourceInfo, suffix: str, encoder: str, layout: str) -> None:
    plan = plan_encoding(source, suffix)
    assert (plan.encoder, plan.pixel_format) == (encoder, layout)


@pytest.mark.parametrize("name", ["h264", "hevc", "vp9", "av1", "prores", "ffv1"])
def test_ffmpegs_names_and_ours_choose_the_same(name: str) -> None:
    assert name in available_codecs()
    ours = plan_encoding(INFO, "mkv", codec=name)
    assert plan_encoding(INFO, "mkv", codec=ours.encoder) == ours


def test_h265_is_hevc() -> None:
    assert plan_encoding(INFO, "mp4", codec="h265").codec == "hevc"


@pytest.mark.parametrize(
    ("source", "suffix", "words"),
    [
        (INFO, "mp4", []),
        (HDR, "webm", []),
        (RGBA, "mov", []),
        (RGBA, "mkv", []),
        (RGB, "mp4", ["lower resolution"]),
        (RGBA, "mp4", ["Transparency was lost: h264", "lower resolution"]),
        (RGBA, "webm", ["lower resolution than luma (yuva420p), as players expect; --codec ffv1"]),
        (info("yuv422p10le", 10), "webm", ["lower resolution"]),
        (info("yuv420p12le", 12), "webm", ["12-bit samples were rounded to 10 bit"]),
        (info("yuv420p", width=63), "mp4", ["63x48 are odd"]),
    ],
)
def test_every_loss_is_reported_and_nothing_else(source: SourceInfo, suffix: str, words: list[str]) -> None:
    notes = plan_encoding(source, suffix).notes
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_a_missing_encoder_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    real = encoders.encoder_formats
    monkeypatch.setattr(encoders, "encoder_formats", lambda name: () if name == "libx264" else real(name))
    assert plan_encoding(INFO, "mp4").encoder == "libx265"
    assert "h264" not in available_codecs()


def test_prores_profiles() -> None:
    assert plan_encoding(INFO, "mov", codec="prores").options["profile"] == "hq"
    assert plan_encoding(RGB, "mov", codec="prores").options["profile"] == "4444"
    proxy = plan_encoding(RGB, "mov", codec="prores", quality=0)
    assert (proxy.options["profile"], proxy.pixel_format) == ("proxy", "yuv422p10le")


def test_tags_follow_the_layout() -> None:
    assert output_tags(SRGB, "yuv420p") == ColorTags(1, 13, 1)
    assert output_tags(SRGB, "gbrp") == SRGB
    assert output_tags(ColorTags(9, 16, 9), "gbrp10le") == ColorTags(9, 16, 0, full_range=True)
    assert output_tags(ColorTags(9, 16, 9), "yuv420p10le") == ColorTags(9, 16, 9)
    assert output_tags(ColorTags(9, 16, 0, full_range=True), "yuv420p10le") == ColorTags(9, 16, 9)


def test_loss_prefers_what_keeps_more() -> None:
    wanted = formats.describe("yuva444p12le")
    names = ["yuv420p", "yuva444p10le", "yuva444p16le", "yuv444p12le", "gray16le"]
    assert sorted(names, key=lambda name: formats.loss(wanted, formats.describe(name))) == [
        "yuva444p16le", "yuva444p10le", "yuv444p12le", "yuv420p", "gray16le",
    ]  # fmt: skip


def test_ticks_hold_rates_and_units_exactly() -> None:
    assert choose_ticks([Fraction(1001, 48_000)]) % 48_000 == 0
    for rate in (Fraction(24_000, 1001), Fraction(60_000, 1001), Fraction(25), Fraction(100, 3)):
        ticks = choose_ticks([1 / rate, Fraction(1, 90_000)])
        assert (ticks / rate).denominator == 1
        assert ticks % 90_000 == 0
        assert 10_000 <= ticks <= MAX_TICKS
    assert choose_ticks([Fraction(1, 7), Fraction(1, 1_000_000_007)]) % 7 == 0
    assert choose_ticks([]) >= 10_000


def test_the_clock_is_strict_and_durations_add_up() -> None:
    clock = OutputClock(1000)
    rate = Fraction(24_000, 1001)
    stamps = [clock.stamp(number / rate, 1 / rate) for number in range(500)]
    for (stamp, duration), (following, _) in pairwise(stamps):
        assert stamp + duration == following
    assert clock.stamp(Fraction(1, 1000), Fraction(1, 1000))[0] == stamps[-1][0] + 1


def test_the_timeline_moves_and_scales() -> None:
    timeline = Timeline(zero=Fraction(100), scale=Fraction(2), begin=Fraction(3), end=Fraction(5))
    assert timeline.source_time(10_400, Fraction(1, 100)) == 4
    assert timeline.place(Fraction(4)) == 2
    assert timeline.covers(Fraction(2), Fraction(7, 2))
    assert not timeline.covers(Fraction(2), Fraction(3))
    assert timeline.covers(Fraction(3), Fraction(3))
    assert not timeline.covers(Fraction(5), Fraction(6))
    assert Timeline().covers(Fraction(-1), Fraction(0))


def test_what_new_frames_cannot_have_is_named() -> None:
    source = replace(HDR, lost_metadata=("HDR10+ metadata", "time codes"))
    (note,) = plan_encoding(source, "mkv").notes
    assert "HDR10+ metadata, time codes" in note
