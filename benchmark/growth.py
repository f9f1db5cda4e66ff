"""Growth of memory over a long clip: resident memory after a fifth of it and at its end.

python -m benchmark.growth --model eqvi.stage123 [--checkpoint FILE] [--frames 500]
"""

from __future__ import annotations

import gc

from benchmark.memory import MEGABYTE, resident
from benchmark.models import model_parser, ready_model, synthetic_frames
from vfi.base.interpolator import Interpolator
from vfi.evaluation.report import write_result
from vfi.types import Window

HEIGHT, WIDTH = 64, 96
PERIOD = 24
"""Number of different frames, which the clip repeats."""


def measure(model: Interpolator, count: int) -> dict[str, int]:
    """Resident memory in bytes after a fifth of ``count`` frames and at their end."""
    frames = synthetic_frames(HEIGHT, WIDTH, PERIOD)
    last = count - 3
    memory: dict[int, int] = {}
    for number in range(1, last + 1):
        keys = range(number - 1, number + 3)
        model.interpolate_window(Window.from_frames([frames[key % PERIOD] for key in keys], keys), [0.5])
        if number in (count // 5, last):
            gc.collect()
            memory[number] = resident()
    return {"frames": count, "resident_after_a_fifth": memory[count // 5], "resident_at_end": memory[last]}


def main() -> None:
    """Parse, measure, print, write."""
    parser = model_parser("growth", "Measure whether a model's memory grows over a long clip.")
    parser.add_argument("--frames", type=int, default=500, help="length of the clip; 5 or more")
    options = parser.parse_args()
    if options.frames < 5:
        parser.error(f"--frames must be 5 or more, not {options.frames}")
    result = measure(ready_model(options.model, options.checkpoint, **options.options), options.frames)
    after_a_fifth, at_end = result["resident_after_a_fifth"], result["resident_at_end"]
    print(f"after a fifth {after_a_fifth / MEGABYTE:,.1f} MB, at the end {at_end / MEGABYTE:,.1f} MB")
    write_result(options.json, {"model": options.model, **result})


if __name__ == "__main__":
    main()
