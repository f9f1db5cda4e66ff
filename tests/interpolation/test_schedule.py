"""The schedule: exact times, no drift, originals exactly where they were, the right length."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfi.errors import InputError
from vfi.interpolation.names import number_between
from vfi.interpolation.schedule import Kind, Plan, PlanItem, Timestamp, Timing, slow_motion_timing

FILM = Fraction(24000, 1001)
NTSC = Fraction(60000, 1001)


def constant(rate: Fraction | int, count: int, start: Fraction = Fraction(0)) -> list[Timestamp]:
    step = 1 / Fraction(rate)
    return [Timestamp(start + step * number, step) for number in range(count)]


def plan(stamps: list[Timestamp], timing: Timing) -> list[PlanItem]:
    whole = Plan(timing, stamps)
    return [whole[index] for index in range(len(whole))]


def output_length(items: list[PlanItem]) -> Fraction:
    return items[-1].time + items[-1].duration - items[0].time


positive = st.fractions(min_value=Fraction(1, 1000), max_value=Fraction(3), max_denominator=90000)
rates = st.fractions(min_value=Fraction(1, 2), max_value=Fraction(240), max_denominator=1001)


@st.composite
def stamp_lists(draw: st.DrawFn) -> list[Timestamp]:
    """Streams of a variable frame rate, beginning anywhere."""
    durations = draw(st.lists(positive, min_size=1, max_size=12))
    time = draw(st.fractions(min_value=-5, max_value=5, max_denominator=1000))
    stamps: list[Timestamp] = []
    for duration in durations:
        stamps.append(Timestamp(time, duration))
        time += duration
    return stamps


timings = st.one_of(
    st.builds(Timing, inter_frames=st.integers(1, 9), time_scale=positive, origin=st.fractions(-1, 1)),
    st.builds(Timing, rate=rates, time_scale=positive, origin=st.fractions(-1, 1)),
)


def each_timing(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test of ``stamps`` and ``timing`` for many of both."""
    return settings(deadline=None, max_examples=50)(given(stamps=stamp_lists(), timing=timings)(test))


class TestEveryTiming:
    @each_timing
    def test_times_increase_and_items_follow_each_other(
        self, stamps: list[Timestamp], timing: Timing
    ) -> None:
        items = plan(stamps, timing)
        assert [item.index for item in items] == list(range(len(items)))
        for first, second in pairwise(items):
            assert first.time < second.time
            assert first.time + first.duration == second.time

    @each_timing
    def test_output_is_as_long_as_the_input_within_one_frame(
        self, stamps: list[Timestamp], timing: Timing
    ) -> None:
        items = plan(stamps, timing)
        wanted = sum(stamp.duration for stamp in stamps) * timing.time_scale
        longest = max(item.duration for item in items)
        assert abs(output_length(items) - wanted) <= longest
        if timing.inter_frames is not None:
            assert output_length(items) == wanted

    @each_timing
    def test_items_lie_in_their_interval_and_originals_on_their_frame(
        self, stamps: list[Timestamp], timing: Timing
    ) -> None:
        whole = Plan(timing, stamps)
        for item in plan(stamps, timing):
            stamp = stamps[item.source]
            assert stamp.time <= item.source_time < stamp.time + stamp.duration
            assert item.time == (item.source_time - timing.origin) * timing.time_scale
            assert 0 <= item.t < 1
            assert (item.kind is Kind.ORIGINAL) == (item.step == 0) == (item.source_time == stamp.time)
            assert (item.kind is Kind.BETWEEN) == (item.t > 0)
            if item.t and not whole.pause(item.source):
                assert item.source_time == stamp.time + item.t * stamp.duration
            if item.kind is Kind.HOLD and item.source < len(stamps) - 1:
                assert whole.pause(item.source) > 0


class TestInterFrames:
    def test_each_real_interval_is_split_evenly(self) -> None:
        stamps = [
            Timestamp(Fraction(time), Fraction(duration)) for time, duration in ((0, 1), (1, 3), (4, 1))
        ]
        items = plan(stamps, Timing(inter_frames=2, hold_last=False))
        assert [item.time for item in items] == [
            0, Fraction(1, 3), Fraction(2, 3), 1, 2, 3, 4,
        ]  # fmt: skip
        assert [item.t for item in items[:3]] == [0, Fraction(1, 3), Fraction(2, 3)]

    def test_image_folders_end_with_the_last_frame(self) -> None:
        items = plan(constant(24, 5), Timing(inter_frames=3, hold_last=False))
        assert len(items) == 4 * 4 + 1
        assert items[-1].kind is Kind.ORIGINAL

    def test_films_hold_the_last_frame(self) -> None:
        items = plan(constant(24, 5), Timing(inter_frames=3))
        assert len(items) == 5 * 4
        assert [item.kind for item in items[-4:]] == [Kind.ORIGINAL] + [Kind.HOLD] * 3

    def test_a_last_frame_that_is_cut_short_keeps_the_rate(self) -> None:
        *stamps, last = constant(24, 4)
        items = plan([*stamps, Timestamp(last.time, Fraction(1, 60))], Timing(inter_frames=3))
        times = [item.time for item in items]
        assert times == [Fraction(number, 96) for number in range(14)]
        assert items[-1].time + items[-1].duration == last.time + Fraction(1, 60)

    def test_every_original_is_shown_once(self) -> None:
        items = plan(constant(FILM, 50), Timing(inter_frames=4))
        assert [item.source for item in items if item.kind is Kind.ORIGINAL] == list(range(50))


class TestGrid:
    def test_a_multiple_of_the_rate_hits_every_original(self) -> None:
        items = plan(constant(FILM, 10), Timing(rate=2 * FILM))
        assert [item.source for item in items if item.kind is Kind.ORIGINAL] == list(range(10))
        assert len(items) == 20

    def test_originals_are_hit_when_the_film_starts_off_the_grid(self) -> None:
        items = plan(constant(25, 10, start=Fraction(21, 1000)), Timing(rate=Fraction(50)))
        assert sum(item.kind is Kind.ORIGINAL for item in items) == 10
        assert items[0].time == Fraction(21, 1000)

    def test_film_to_ntsc_hits_every_second_frame(self) -> None:
        # 24000/1001 to 60000/1001 is 2 to 5.
        items = plan(constant(FILM, 11), Timing(rate=NTSC))
        hits = [item.source for item in items if item.kind is Kind.ORIGINAL]
        assert hits == [0, 2, 4, 6, 8, 10]
        assert items[1].t == Fraction(2, 5)

    def test_down_conversion_shows_fewer_frames(self) -> None:
        items = plan(constant(60, 120), Timing(rate=Fraction(24)))
        assert len(items) == 48
        assert output_length(items) == 2

    def test_nearly_equal_rates_do_not_coincide(self) -> None:
        items = plan(constant(FILM, 2400), Timing(rate=Fraction(24)))
        originals = [item for item in items if item.kind is Kind.ORIGINAL]
        assert [item.source for item in originals] == [0, 1000, 2000]

    def test_one_frame_alone_is_shown_even_by_a_slow_grid(self) -> None:
        items = plan(constant(60, 1), Timing(rate=Fraction(5)))
        assert [item.kind for item in items] == [Kind.ORIGINAL]


def paused(gap: Fraction | int, rate: int = 30) -> list[Timestamp]:
    """Ten frames, a gap after the fifth, and five more."""
    step = Fraction(1, rate)
    times = [number * step + (gap - step if number > 4 else 0) for number in range(10)]
    return [Timestamp(time, following - time) for time, following in pairwise([*times, times[-1] + step])]


class TestPauses:
    def test_only_the_last_usual_interval_is_interpolated_on_a_grid(self) -> None:
        items = plan(paused(2), Timing(rate=Fraction(60)))
        repeats = [item for item in items if item.source == 4 and item.t == 0]
        assert len(repeats) == 2 * 60 - 1
        assert {item.kind for item in repeats[1:]} == {Kind.HOLD}
        assert [item.t for item in items if item.source == 4 and item.t] == [Fraction(1, 2)]

    def test_and_between_frames_where_the_numbers_stay(self) -> None:
        stamps = paused(2)
        items = plan(stamps, Timing(inter_frames=3))
        assert len(items) == 40
        assert items[16].duration == 2 - Fraction(1, 30) + Fraction(1, 120)
        assert [item.time for item in items[17:20]] == [stamps[5].time - Fraction(k, 120) for k in (3, 2, 1)]
        assert [item.t for item in items[17:20]] == [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]

    @pytest.mark.parametrize(("intervals", "pauses"), [(4, False), (Fraction(41, 10), True)])
    def test_what_counts_as_one(self, intervals: Fraction | int, pauses: bool) -> None:
        whole = Plan(Timing(inter_frames=1), paused(Fraction(intervals) / 30))
        assert [number for number in range(9) if whole.pause(number)] == ([4] if pauses else [])

    def test_a_slower_rate_becomes_usual(self) -> None:
        step = Fraction(1, 30)
        times = [number * step for number in range(6)] + [5 * step + number for number in range(1, 7)]
        stamps = [Timestamp(time, step) for time in times]
        whole = Plan(Timing(inter_frames=1), stamps)
        assert [number for number in range(11) if whole.pause(number)] == [5, 6, 7]

    def test_a_known_rate_decides_about_the_first_interval(self) -> None:
        stamps = [Timestamp(Fraction(time), Fraction(1, 30)) for time in (0, 3)]
        assert Plan(Timing(inter_frames=1), stamps).pause(0) == 0
        assert Plan(Timing(inter_frames=1), stamps, interval=Fraction(1, 30)).pause(0) == 3 - Fraction(1, 30)


def test_a_gap_of_hours_is_refused_on_a_grid_and_a_pause_between_frames() -> None:
    stamps = paused(3 * 3600)
    with pytest.raises(InputError, match=r"gap of 10800 s after the frame at 0\.13 s.* 648000 frames"):
        Plan(Timing(rate=Fraction(60)), stamps)
    assert len(Plan(Timing(inter_frames=1), stamps)) == 20


@settings(deadline=None)
@given(stamps=stamp_lists(), timing=timings, forget=st.integers(0, 11))
def test_a_stream_and_any_order_give_the_same(stamps: list[Timestamp], timing: Timing, forget: int) -> None:
    wanted = plan(stamps, timing)
    stream = Plan(timing)
    found: list[PlanItem] = []
    for number, stamp in enumerate(stamps):
        stream.append(stamp)
        if number:
            found += stream.items(number - 1)
            stream.forget(min(forget, number))
    stream.end()
    assert found + stream.items(len(stamps) - 1) == wanted
    whole = Plan(timing, stamps)
    for source in reversed(range(len(stamps))):
        assert [whole[index] for index in whole.range_of(source)] == [i for i in wanted if i.source == source]
        assert all(whole.source_of(index) == source for index in whole.range_of(source))
    with pytest.raises(IndexError):
        whole[len(wanted)]


@pytest.mark.parametrize("seconds", [600, pytest.param(7200, marks=pytest.mark.slow)])
def test_long_films_do_not_drift(seconds: int) -> None:
    """From a rate with a denominator of 1001 to another, the very end lies exactly on the grid."""
    source, target = Fraction(5000, 1001), Fraction(12500, 1001)
    count = int(seconds * source)
    step = 1 / source
    whole = Plan(Timing(rate=target))
    items: list[PlanItem] = []
    for number in range(count):
        whole.append(Timestamp(number * step, step))
        items += whole.items(number - 1) if number else []
        items = items[-10:]
        whole.forget(number - 1)
    whole.end()
    items += whole.items(count - 1)
    assert abs(items[-1].time + items[-1].duration - count * step) <= 1 / target
    assert items[-1].index > seconds * target - 3
    assert all(item.time == item.index / target for item in items)


class TestSlowMotion:
    def test_a_whole_factor_keeps_the_rate_and_every_frame(self) -> None:
        timing = slow_motion_timing(Fraction(4), Fraction(25))
        items = plan(constant(25, 10), timing)
        assert sum(item.kind is Kind.ORIGINAL for item in items) == 10
        assert {item.duration for item in items} == {Fraction(1, 25)}
        assert output_length(items) == 4 * Fraction(10, 25)
        assert timing.output_rate(Fraction(25)) == 25

    @pytest.mark.parametrize("factor", [Fraction(3, 2), Fraction(1, 2), Fraction(1)])
    def test_other_factors_sample_the_sources_rate(self, factor: Fraction) -> None:
        items = plan(constant(30, 60), slow_motion_timing(factor, Fraction(30)))
        assert {item.duration for item in items} == {Fraction(1, 30)}
        assert abs(output_length(items) - 2 * factor) <= Fraction(1, 30)

    def test_a_broken_factor_needs_a_rate(self) -> None:
        with pytest.raises(ValueError, match="rate"):
            slow_motion_timing(Fraction(3, 2), None)


class TestNames:
    def names(self, timing: Timing, count: int = 3) -> list[str]:
        stamps = [
            Timestamp(*stamp[:2], f"{number + 1:03d}") for number, stamp in enumerate(constant(24, count))
        ]
        return [item.name for item in plan(stamps, timing)]

    def test_new_frames_are_numbered_after_their_first_neighbour(self) -> None:
        names = self.names(Timing(inter_frames=2, hold_last=False))
        assert names == ["001", "001_0", "001_1", "002", "002_0", "002_1", "003"]

    def test_plain_order_is_time_order_beyond_ten(self) -> None:
        names = self.names(Timing(inter_frames=12, hold_last=False))
        assert names[1] == "001_00"
        assert names == sorted(names)

    def test_a_grid_counts(self) -> None:
        names = self.names(Timing(rate=Fraction(60)))
        assert list(islice(names, 2)) == ["00000000", "00000001"]

    def test_numbers_of_reds_vtsr(self) -> None:
        """Eight apart, three new ones: the middle, two before it and two after it, as EQVI has them."""
        stamps = [
            Timestamp(*stamp[:2], name) for stamp, name in zip(constant(24, 2), ("16", "24"), strict=True)
        ]
        items = plan(stamps, Timing(inter_frames=3, hold_last=False, naming="reds_vtsr"))
        names = [item.name for item in items[:4]]
        middle = (16 + 24) // 2
        assert names == ["16", *(f"{middle + offset:08d}" for offset in (-2, 0, 2))]

    @given(st.integers(0, 10**8), st.integers(1, 50), st.integers(1, 30))
    def test_numbers_between_divide_the_step_evenly(self, first: int, apart: int, inter_frames: int) -> None:
        last = first + apart * (inter_frames + 1)
        numbers = [
            number_between(f"{first:08d}", str(last), step, inter_frames)
            for step in range(1, inter_frames + 1)
        ]
        assert numbers == list(range(first + apart, last, apart))

    @pytest.mark.parametrize(
        ("name", "next_name", "sentence"),
        [
            ("a", "8", "'a' is not a whole number"),
            ("8", "", "'' is not a whole number"),
            ("8", "1\u00b2", "is not a whole number"),
            ("-8", "8", "'-8' is not a whole number"),
            ("8", "08", "08 is not larger than 8"),
            ("9", "8", "8 is not larger than 9"),
            ("0", "6", "not a multiple of 4, which inter_frames 3 needs"),
        ],
    )
    def test_names_without_numbers_between(self, name: str, next_name: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            number_between(name, next_name, 1, 3)


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"inter_frames": 1, "rate": Fraction(24)},
            {"inter_frames": 0},
            {"inter_frames": 10_001},
            {"rate": Fraction(10**9)},
            {"rate": Fraction(10**5000)},
            {"inter_frames": 1, "time_scale": Fraction(1, 10**5000)},
            {"rate": Fraction(0)},
            {"inter_frames": 1, "time_scale": Fraction(0)},
        ],
    )
    def test_impossible_timings(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"inter_frames|rate|time_scale"):
            Timing(**wrong)  # type: ignore[arg-type]  # wrong on purpose

    def test_stamps_that_do_not_increase(self) -> None:
        stamp = Timestamp(Fraction(1), Fraction(1))
        with pytest.raises(ValueError, match="increase"):
            Plan(Timing(inter_frames=1), [stamp, stamp])


def test_estimates() -> None:
    assert Timing(inter_frames=1).estimate_count(10, None) == 20
    assert Timing(inter_frames=1).estimate_count(None, Fraction(1)) is None
    assert Timing(rate=Fraction(60), time_scale=Fraction(2)).estimate_count(None, Fraction(1)) == 120
    assert Timing(rate=Fraction(60)).estimate_count(5, None) is None
