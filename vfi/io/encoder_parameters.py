"""What goes into the parameter strings of x264, x265 and SVT-AV1: HDR static metadata above all."""

from __future__ import annotations

from vfi.io.records import ContentLight, MasteringDisplay

_CHROMATICITY_STEPS = 50000  # per unit of CIE x and y (SMPTE ST 2086)
_LUMINANCE_STEPS = 10000  # per cd/m^2


def parameter_options(
    encoder: str, mastering: MasteringDisplay | None, light: ContentLight | None
) -> dict[str, str]:
    """The option that hands an encoder its own parameters: HDR metadata, and what it needs.

    Args:
        encoder: FFmpeg's name.
        mastering: None: not known.
        light: None: not known.
    """
    levels = f"{light.max_content},{light.max_frame_average}" if light else ""
    if encoder == "libx265":
        fields = ["log-level=error"]
        fields += [f"master-display={_in_steps(mastering)}"] if mastering else []
        fields += [f"max-cll={levels}"] if light else []
        return {"x265-params": ":".join(fields)}
    if encoder == "libx264":
        # x264's macroblock tree, in its AVX-512 code, reads memory that nobody wrote: equal frames gave
        # different bytes, where a resumed run must give equal ones. It would save about 8 % of the size.
        fields = ["mbtree=0"]
        fields += [f"mastering-display={_in_steps(mastering)}"] if mastering else []
        fields += [f"cll={levels}"] if light else []
        return {"x264-params": ":".join(fields)}
    if encoder == "libsvtav1":
        fields = [f"mastering-display={_in_units(mastering)}"] if mastering else []
        fields += [f"content-light={levels}"] if light else []
        return {"svtav1-params": ":".join(fields)} if fields else {}
    return {}


def _in_steps(display: MasteringDisplay) -> str:
    """As integers in the steps of the standard, as x264 and x265 want it."""
    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    text = "".join(
        f"{name}({round(x * _CHROMATICITY_STEPS)},{round(y * _CHROMATICITY_STEPS)})"
        for name, (x, y) in points.items()
    )
    top, bottom = (
        round(level * _LUMINANCE_STEPS) for level in (display.luminance_max, display.luminance_min)
    )
    return f"{text}L({top},{bottom})"


def _in_units(display: MasteringDisplay) -> str:
    """As decimal numbers, as SVT-AV1 wants it."""
    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    text = "".join(f"{name}({float(x):.6f},{float(y):.6f})" for name, (x, y) in points.items())
    return f"{text}L({float(display.luminance_max):.4f},{float(display.luminance_min):.4f})"
