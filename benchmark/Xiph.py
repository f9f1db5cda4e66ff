"""Xiph-L of SGM-VFI at 2K and 4K.

python benchmark/Xiph.py --path FOLDER --exp_name ours-1-2-points --num_key_points 0.5
"""

from __future__ import annotations

from vfi.cli.sgm_scripts import run

if __name__ == "__main__":
    run("Xiph", ("xiph_2k_l_sgm", "xiph_4k_l_sgm"))
