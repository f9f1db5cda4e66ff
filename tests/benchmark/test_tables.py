"""Tables of figures in the documents are those of the results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.tables import BLOCK, DOCUMENTS, REPOSITORY, TABLES, renewed

FIGURE = re.compile(r"\d\.\d")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_tables_are_those_of_the_results(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert renewed(text) == text, "run: make tables"


def test_every_figure_in_a_table_of_the_readme_stands_in_a_result() -> None:
    text = BLOCK.sub("", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert not [line for line in text.split("\n") if line.startswith("|") and FIGURE.search(line)]


def test_every_table_is_shown() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    shown = {found[2] for text in texts for found in BLOCK.finditer(text)}
    assert shown == set(TABLES)


def test_a_figure_of_no_result_is_replaced() -> None:
    text = "before\n<!-- table: sharing_eqvi -->\n\n| 99.9 |\n\n<!-- end of table -->\nafter"
    assert "99.9" not in renewed(text)
    assert renewed(text).endswith("<!-- end of table -->\nafter")
    assert renewed(renewed(text)) == renewed(text)
