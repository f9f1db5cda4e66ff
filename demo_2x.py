"""Interpolate the frame between two images, and draw the diagnostics of the model.

python demo_2x.py FIRST SECOND [-o FOLDER]

The model is SGM-VFI if its weights are found (`vfi checkpoints list`), otherwise the default model.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image

from vfi import load_model
from vfi.errors import VfiError
from vfi.io import open_source
from vfi.registry import first_available
from vfi.visual.explanation import explain

parser = argparse.ArgumentParser("python demo_2x.py", description="Interpolate the frame between two images.")
parser.add_argument("first", type=Path)
parser.add_argument("second", type=Path)
parser.add_argument("-o", "--output", type=Path, default=Path("demo_2x"), help="folder of the results")
options = parser.parse_args()

try:
    with open_source(options.first, second=options.second) as pair:
        frame_0, frame_1 = (frame.image.tensor()[:, :3] for frame in pair)  # [1, 3, H, W], RGB in [0, 1]
    model = first_available("sgm.small", "quadratic")
    result = explain(load_model(model), frame_0, frame_1, t=0.5)
    options.output.mkdir(parents=True, exist_ok=True)
    Image.fromarray(result.frame).save(options.output / "between.png")
    result.sheet.save(options.output / "what_happened.png")
except (VfiError, OSError) as error:
    sys.exit(f"demo_2x.py: {error}")
sys.stdout.write(f"{model} interpolated {options.output / 'between.png'}; see what_happened.png beside it.\n")
