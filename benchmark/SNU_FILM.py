"""SNU-FILM-L of SGM-VFI, hard and extreme.

python benchmark/SNU_FILM.py --path FOLDER --exp_name ours-1-2-points --num_key_points 0.5
"""

from __future__ import annotations

from vfi.cli.sgm_scripts import run

if __name__ == "__main__":
    run("SNU_FILM", ("snufilm_hard_l_sgm", "snufilm_extreme_l_sgm"))
