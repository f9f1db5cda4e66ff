"""Time stamps to exact times: closed forms for grids, repairs and durations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from vfi.io.video.timestamps import TimeGrid, constant_rate, likely_rates, timed

MILLISECOND = Fraction(1, 1000)
FILM = Fraction(24000, 1001)
SECOND = Fraction(1)


def run(stamps: Sequence[int | None], interval: int = 10) -> list[int | Fraction]:
    """Times that integer stamps get, in the same unit."""
    items = ((None if stamp is None else Fraction(stamp), None, None) for stamp in stamps)
    result = [time for time, _, _ in timed(items, Fraction(interval))]
    return [int(time) if time.denominator == 1 else time for time in result]


@pytest.mark.parametrize(
    "rate", [FILM, Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(240)]
)
@pytest.mark.parametrize("cut", [round, int])
def test_milliseconds_of_a_constant_rate_become_exact_for_two_hours(rate: Fraction, cut: type) -> None:
    grid = TimeGrid(rate, MILLISECOND)
    for number in [*range(1000), *range(int(7200 * rate), int(7200 * rate) + 100)]:
        assert grid.snapped(cut(number / rate * 1000) * MILLISECOND) == number / rate


def test_stamps_off_the_grid_stay_what_they_are() -> None:
    grid = TimeGrid(Fraction(25), MILLISECOND)
    assert grid.snapped(Fraction(42, 1000)) == Fraction(42, 1000)
    assert grid.snapped(Fraction(41, 1000)) == Fraction(40, 1000)


def test_ticks_as_long_as_a_frame_are_never_pulled_to_another_rate() -> None:
    grid = TimeGrid(Fraction(25), Fraction(1, 30))
    assert [grid.snapped(Fraction(n, 30)) for n in range(6)] == [Fraction(n, 30) for n in range(6)]
    assert TimeGrid(None, MILLISECOND).snapped(Fraction(7, 1000)) == Fraction(7, 1000)


def test_grid_goes_through_the_first_stamp_where_that_is_off_the_one_through_zero() -> None:
    grid = TimeGrid.at(FILM, MILLISECOND, Fraction(21, 1000))
    assert grid.anchor == Fraction(21, 1000)
    assert grid.snapped(Fraction(63, 1000)) == Fraction(21, 1000) + 1 / FILM
    assert TimeGrid.at(FILM, MILLISECOND, Fraction(42, 1000)).anchor == 0


def test_constant_rate_takes_the_first_that_explains_all_stamps() -> None:
    stamps = [round(number / FILM * 1000) * MILLISECOND for number in range(240)]
    assert constant_rate(stamps, MILLISECOND, [Fraction(24), FILM]) == FILM
    assert constant_rate(stamps[::-1], MILLISECOND, [None, FILM]) == FILM
    assert constant_rate([stamp for stamp in stamps if stamp != stamps[7]], MILLISECOND, [FILM]) == FILM
    assert constant_rate(stamps, MILLISECOND, [Fraction(24)]) is None


def test_estimated_rates_are_taken_for_the_usual_ones_near_them() -> None:
    assert likely_rates([Fraction(19001, 317)]) == [Fraction(60000, 1001), Fraction(19001, 317)]
    assert likely_rates([None, Fraction(25), FILM]) == [25, 25, FILM, FILM]
    assert likely_rates([Fraction(31, 2)]) == [Fraction(31, 2)]
    stamps = [Fraction(number * 2998, 90000) for number in range(36)]  # a camera at 30.02 frames per second
    assert constant_rate(stamps, Fraction(1, 90000), likely_rates([Fraction(45000, 1499)])) == Fraction(
        45000, 1499
    )


def test_constant_rate_does_not_fall_for_a_fine_grid() -> None:
    stamps = [Fraction(number * number, 1000) for number in range(50)]
    assert constant_rate(stamps, MILLISECOND, [Fraction(1000), Fraction(20)]) is None
    assert constant_rate([], MILLISECOND, [Fraction(0), Fraction(20)]) == 20
    assert constant_rate([SECOND], MILLISECOND, []) is None


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0, 10, 20, 30], [0, 10, 20, 30]),
        ([0, 13, 20, 47], [0, 13, 20, 47]),  # variable rate stays
        ([0, 10, None, 30], [0, 10, 20, 30]),
        ([None, None, 30], [10, 20, 30]),
        ([None] * 12, [n * 10 for n in range(12)]),
        ([0, 10, None, None], [0, 10, 20, 30]),
        ([0, 10, 10, 30], [0, 10, 20, 30]),  # a repeated stamp fills the hole
        ([0, 10, 10, 20], [0, 10, 15, 20]),  # and where there is none, divides the time
        ([0, 10, 5, 30], [0, 10, 20, 30]),
        ([0, 10, None, 100], [0, 10, 20, 100]),
        ([1000, 1010, 1020, 0, 10, 20], [1000, 1010, 1020, 1030, 1040, 1050]),  # the clock was restarted
        ([None] * 7 + [0, 10, 20], [n * 10 for n in range(10)]),  # more unstamped ones than may wait
    ],
)
def test_stamps_are_repaired(stamps: list[int | None], expected: list[int]) -> None:
    times = run(stamps)
    assert times == expected
    assert times == sorted(set(times))


def test_many_items_without_stamp_are_not_delayed() -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield None, None, number

    times = timed(items(), Fraction(1))  # type: ignore[arg-type]  # a generator of tuples
    next(times)
    assert taken < 10


def test_durations_last_until_the_next_and_the_last_is_its_own() -> None:
    items = [(Fraction(0), None, "a"), (Fraction(3), Fraction(9), "b"), (Fraction(5), Fraction(7), "c")]
    assert list(timed(items, Fraction(1))) == [(0, 3, "a"), (3, 2, "b"), (5, 7, "c")]
    assert list(timed(items[:1], Fraction(1))) == [(0, 1, "a")]
    assert list(timed([], Fraction(1))) == []
