"""Tables of the documents, written from the results: ``make tables``.

A document holds a table between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; what stands there is
replaced by the table of this name. A test compares them, so that every figure there stands in a result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vfi.evaluation.report import table
from vfi.evaluation.summary import formatted

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmark" / "results"
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?<!-- end of table -->", re.S)

METHODS = {
    "quadratic": "vfi, model `quadratic` (default)",
    "minterpolate": "FFmpeg `minterpolate` (`mci`, `aobmc`, `bidir`)",
    "blend": "cross-fade",
    "repeat": "nearest frame repeated",
}
FACTORS = (2, 4)


def load(name: str) -> dict[str, Any]:
    """A result by the name of its file, without suffix."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def clips() -> str:
    """PSNR and SSIM of every method on whole clips, by the factor of the frame rate."""
    means = {factor: load(f"clips_x{factor}")["means"] for factor in FACTORS}
    rows = [
        [
            title,
            *(
                f"{formatted('psnr', means[factor][method]['psnr'])} dB / {means[factor][method]['ssim']:.3f}"
                for factor in FACTORS
            ),
        ]
        for method, title in METHODS.items()
    ]
    return table(["method", *(f"PSNR / SSIM, x{factor}" for factor in FACTORS)], rows)


def clips_x2() -> str:
    """PSNR of every method on each clip, twice the frame rate."""
    result = load("clips_x2")
    rows = [
        [f"`{group}`", *(formatted("psnr", means[method]["psnr"]) for method in METHODS)]
        for group, means in result["groups"].items()
    ]
    mean = ["mean", *(formatted("psnr", result["means"][method]["psnr"]) for method in METHODS)]
    return table(["PSNR in dB, x2", *METHODS], [*rows, mean])


def speed() -> str:
    """Time per new frame, and its ratio to that of FFmpeg."""
    medians = load("speed_cpu")["median"]
    reference = medians["minterpolate x2"]
    rows = [
        [name, f"{seconds:.2f} s", f"{reference / seconds:.1f}"]
        for name, seconds in medians.items()
        if name.startswith("vfi")
    ]
    head = ["854x480, two CPU threads", "time per new frame", "speed relative to `minterpolate` x2"]
    return table(head, [*rows, ["minterpolate x2", f"{reference:.2f} s", "1.0"]])


def sharing(name: str, *, counts: bool) -> str:
    """Speedup by reuse between windows and t.

    Args:
        name: Name of the result.
        counts: Whether the multiplications are shown too.
    """
    head = ["new frames per pair", "speedup over our own unshared baseline"]
    rows = [
        [
            new_frames,
            f"{row['times_as_fast']:.{2 if counts else 1}f}",
            *([f"{row['times_fewer_multiplications']:.2f}"] if counts else []),
        ]
        for new_frames, row in load(name)["shared"].items()
    ]
    return table([*head, *(["reduction in multiplications"] if counts else [])], rows)


TABLES: dict[str, Callable[[], str]] = {
    "clips": clips,
    "clips_x2": clips_x2,
    "speed": speed,
    "sharing_eqvi": lambda: sharing("sharing_eqvi_cpu", counts=False),
    "sharing_sgm": lambda: sharing("sharing_sgm_cpu", counts=True),
}
"""Tables by the names that documents use."""


def renewed(text: str) -> str:
    """A document with all its tables written from the results.

    Args:
        text: Document in Markdown.

    Raises:
        KeyError: If there is no table of a name.
    """
    return BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n<!-- end of table -->", text)


def main() -> None:
    """Write the tables of all documents."""
    for path in DOCUMENTS:
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
