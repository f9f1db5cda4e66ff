"""Growth of memory over a clip of a few small frames."""

from __future__ import annotations

import pytest

from benchmark import growth
from vfi.models.quadratic import build_quadratic


@pytest.mark.parametrize("count", [5, 30])
def test_memory_is_measured_after_a_fifth_and_at_the_end(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(growth, "HEIGHT", 16)
    monkeypatch.setattr(growth, "WIDTH", 24)
    monkeypatch.setattr(growth, "PERIOD", 3)
    model = build_quadratic()
    interpolated: list[int] = []
    monkeypatch.setattr(model, "interpolate_window", lambda window, t: interpolated.append(window.keys[0]))
    monkeypatch.setattr(growth, "resident", lambda: len(interpolated))
    result = growth.measure(model, count)
    assert interpolated == list(range(1, count - 2))
    assert result == {"frames": count, "resident_after_a_fifth": count // 5, "resident_at_end": count - 3}
