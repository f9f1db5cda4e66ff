"""Layouts of the data sets of frame interpolation: from a folder to its samples.

Every layout takes the folder that the data set's own archive unpacks to, and returns its samples in a fixed
order.
"""

from __future__ import annotations

from collections.abc import Callable

from vfi.evaluation.datasets import sequences, triplets
from vfi.evaluation.samples import Sample

LAYOUTS: dict[str, Callable[..., list[Sample]]] = {
    "x_test": sequences.x_test,
    "snu_film": triplets.snu_film,
    "xiph": triplets.xiph,
    "reds_vtsr": sequences.reds_vtsr,
    "vimeo_triplets": triplets.vimeo_triplets,
    "vimeo_septuplets": triplets.vimeo_septuplets,
    "ucf101": triplets.ucf101,
    "middlebury": triplets.middlebury,
    "davis": sequences.davis,
    "clips": sequences.clips,
}
"""Layouts by the names that protocols use."""
