"""The page of the worst samples, in a real browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vfi.visual.comparison_page import PageEntry, comparison_page

SCORES = {"middle": 30.0, "worst": 12.5, "best": 44.0}


def entry(title: str, score: float, group: str) -> PageEntry:
    frame = np.full((20, 40, 3), 90, np.uint8)
    return PageEntry(title, group, "quadratic", score, "SSIM 0.9", frame, frame, frame + 40, frame)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    entries = [entry(title, score, "a" if title == "best" else "b & c") for title, score in SCORES.items()]
    path = tmp_path / "worst.html"
    path.write_text(comparison_page(entries, title="<clips>", score_name="PSNR"), encoding="utf-8")
    return path


@pytest.fixture
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


def shown(browser: Any) -> str:
    """The title of the sample on the page."""
    (figure,) = [one for one in browser.find_elements("tag name", "figure") if one.is_displayed()]
    return figure.find_element("tag name", "b").text


def test_the_document_needs_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 5 * len(SCORES)
    assert "&lt;clips&gt;" in text
    assert "http" not in text
    assert [text.index(f"<b>{title}</b>") for title in ("worst", "middle", "best")] == sorted(
        text.index(f"<b>{title}</b>") for title in SCORES
    )


@pytest.mark.slow
def test_sorting_keys_filter_and_slider(page: Path, browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

    browser.get(page.as_uri())
    body = browser.find_element("tag name", "body")
    assert shown(browser) == "worst"
    body.send_keys(Keys.ARROW_RIGHT)
    assert shown(browser) == "middle"
    body.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert shown(browser) == "best"
    body.send_keys(Keys.ARROW_UP)
    result = browser.find_element("css selector", "figure.shown .result")
    assert result.value_of_css_property("clip-path") == "inset(0px 45% 0px 0px)"
    Select(browser.find_element("tag name", "select")).select_by_visible_text("b & c")
    assert shown(browser) == "worst"
    assert browser.find_element("id", "position").text == "1 of 2"
