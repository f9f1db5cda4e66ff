"""EQVI, "Enhanced Quadratic Video Interpolation" (Liu et al., ECCV Workshops 2020).

So far the parts without weights: :mod:`.rqfp` predicts motion from four frames, :mod:`.reversal` turns it
round. Other models use them too.
"""
