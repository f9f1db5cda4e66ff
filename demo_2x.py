"""Two images in, the frame between them out, and a sheet of diagnostics.

python demo_2x.py FIRST SECOND [-o FOLDER]

SGM-VFI interpolates where its weights are found (`vfi checkpoints list`), else the default model.
"""

import argparse
import sys
from pathlib import Path

from PIL import Image

import vfi
from vfi.errors import VfiError
from vfi.io import open_source
from vfi.registry import first_available
from vfi.visual.explanation import explain

parser = argparse.ArgumentParser("python demo_2x.py", description="Make the frame between two images.")
parser.add_argument("first", type=Path)
parser.add_argument("second", type=Path)
parser.add_argument("-o", "--output", type=Path, default=Path("demo_2x"), help="folder for the results")
options = parser.parse_args()

try:
    with open_source(options.first, second=options.second) as pair:
        frame_0, frame_1 = (frame.image.tensor()[:, :3] for frame in pair)  # [1, 3, H, W], RGB in [0, 1]
    model = first_available("sgm.small", "quadratic")
    made = explain(vfi.load_model(model), frame_0, frame_1, t=0.5)
    options.output.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made.frame).save(options.output / "between.png")
    made.picture.save(options.output / "what_happened.png")
except (VfiError, OSError) as error:
    sys.exit(f"demo_2x.py: {error}")
sys.stdout.write(f"{model} made {options.output / 'between.png'}; what_happened.png shows how.\n")
