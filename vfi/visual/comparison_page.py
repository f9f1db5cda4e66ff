"""A self-contained HTML page of samples, worst first: result against ground truth under a slider."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from vfi.visual.comparison import error_map


@dataclass(frozen=True)
class PageEntry:
    """One interpolated frame of the page; all frames are uint8 ``[H, W, 3]``, RGB."""

    title: str
    group: str
    """What the filter lists: data set, clip or category."""
    method: str
    score: float
    """The number the page is sorted by, worst first."""
    detail: str
    """Further numbers, as text."""
    start: np.ndarray
    end: np.ndarray
    result: np.ndarray
    truth: np.ndarray


def comparison_page(entries: Sequence[PageEntry], *, title: str, score_name: str) -> str:
    """Build the page.

    Args:
        entries: Frames, in any order.
        title: Heading of the page.
        score_name: Name of the score; a smaller one is worse.

    Returns:
        HTML document without any outside reference: images, style and script are part of it.
    """
    ordered = sorted(entries, key=lambda entry: entry.score)
    groups = sorted({entry.group for entry in ordered})
    options = "".join(f'<option value="{escape(group)}">{escape(group)}</option>' for group in groups)
    figures = "\n".join(_figure(number, entry, score_name) for number, entry in enumerate(ordered))
    return _PAGE.replace("@TITLE@", escape(title)).replace("@OPTIONS@", options).replace("@FIGURES@", figures)


def _figure(number: int, entry: PageEntry, score_name: str) -> str:
    caption = (
        f"<b>{escape(entry.title)}</b> {escape(entry.method)}: {escape(score_name)} {entry.score:.2f}"
        f"{', ' + escape(entry.detail) if entry.detail else ''}"
    )
    height, width = entry.truth.shape[:2]
    extra = "".join(
        f'<div><img alt="{name}" src="{_data(frame)}"><span>{name}</span></div>'
        for name, frame in (
            ("first input", entry.start),
            ("second input", entry.end),
            ("error", error_map(entry.result, entry.truth)),
        )
    )
    return f"""<figure id="sample-{number}" data-group="{escape(entry.group)}" data-score="{entry.score:.4f}">
<figcaption>{caption}</figcaption>
<div class="compare" style="aspect-ratio:{width}/{height}">
<img alt="ground truth" src="{_data(entry.truth)}">
<img alt="result" class="result" src="{_data(entry.result)}">
<input type="range" min="0" max="100" value="50" aria-label="result left, ground truth right">
</div>
<div class="more">{extra}</div>
</figure>"""


def _data(frame: np.ndarray) -> str:
    """The frame as the address of a PNG within the page."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
body { margin: 0 auto; max-width: 1100px; padding: 0 1em; font: 16px sans-serif }
body, header { background: #14171c; color: #f2f2f0 }
header { position: sticky; top: 0; z-index: 2; padding: .6em 0 }
h1 { font-size: 1.2em; margin: 0 0 .4em }
figure { display: none; margin: 0 }
figure.shown { display: block }
figcaption { margin: .6em 0 }
.compare { position: relative; width: 100% }
.compare img { position: absolute; width: 100%; height: 100% }
.compare .result { clip-path: inset(0 50% 0 0) }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0 }
.compare input { opacity: 0; cursor: ew-resize }
.compare::after { content: "result | ground truth"; position: absolute; left: 0; right: 0; bottom: .4em;
  text-align: center; text-shadow: 0 0 4px #000; pointer-events: none }
.more { display: flex; gap: .5em; margin-top: .5em }
.more div { flex: 1 }
.more img { width: 100%; display: block }
.more span, .hint { color: #9aa4b2; font-size: .85em }
</style>
<header>
<h1>@TITLE@</h1>
<label>Show <select><option value="">all</option>@OPTIONS@</select></label>
<span id="position"></span>
<span class="hint">arrows left and right: samples; up and down: slider</span>
</header>
<main>
@FIGURES@
</main>
<script>
const figures = [...document.querySelectorAll("figure")];
const filter = document.querySelector("select");
let chosen = [], at = 0;
function show() {
  figures.forEach(figure => figure.classList.remove("shown"));
  if (chosen.length) chosen[at].classList.add("shown");
  document.querySelector("#position").textContent = chosen.length ? `${at + 1} of ${chosen.length}` : "none";
}
function choose() {
  chosen = figures.filter(figure => !filter.value || figure.dataset.group === filter.value);
  at = 0;
  show();
}
function slide(figure) {
  const value = figure.querySelector("input").value;
  figure.querySelector(".result").style.clipPath = `inset(0 ${100 - value}% 0 0)`;
}
figures.forEach(figure => figure.querySelector("input").addEventListener("input", () => slide(figure)));
filter.addEventListener("change", choose);
document.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const change = { ArrowUp: 5, ArrowDown: -5 }[event.key];
  if (!chosen.length || (!step && !change)) return;
  event.preventDefault();
  if (step) {
    at = (at + step + chosen.length) % chosen.length;
    show();
  } else {
    const input = chosen[at].querySelector("input");
    input.value = +input.value + change;
    slide(chosen[at]);
  }
});
choose();
</script>
</html>
"""
