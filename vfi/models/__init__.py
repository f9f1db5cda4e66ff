"""The networks. In a clone they live in ``models/`` at the top; in the wheel that folder is this package.

With the one statement below, ``import vfi.models.<anything>`` finds that folder when Python runs from a
clone. ``pyproject.toml`` maps ``models/`` to ``vfi.models`` for the wheel, where this file is not present.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "models")]
