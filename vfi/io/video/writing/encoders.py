"""Video encoders: the pixel formats and settings of each, and the choice of one for an output.

One table describes every encoder that vfi offers. :func:`plan_encoding` turns the options and the source's
properties into an :class:`EncodingPlan`, or raises an error that says why not. Which encoders the FFmpeg
build contains is found at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import av
from av.codec.codec import UnknownCodecError

from vfi.errors import ConfigError, OutputError
from vfi.io.frames import ContentLight, MasteringDisplay, SourceInfo
from vfi.io.pixels import formats
from vfi.io.pixels.tags import ColorTags
from vfi.io.video.side_data import CLOSED_CAPTIONS

X26X_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
PRORES_PROFILES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")
PRORES_HQ, PRORES_4444 = 3, 4
HDR_TRANSFERS = (16, 18)  # PQ and HLG
VIDEO_SUFFIXES = ("mp4", "m4v", "mkv", "mov", "webm")


@dataclass(frozen=True)
class Encoder:
    """One of FFmpeg's encoders."""

    name: str
    """FFmpeg's name."""
    quality: tuple[float, float, float] | None
    """Best, worst and default value of its quality scale; None: lossless."""
    presets: tuple[str, ...]
    preset: str
    """Default preset; empty: the encoder has none."""
    even_sides: bool = False
    """Whether it refuses frame sizes that its chroma subsampling does not divide."""
    delivery: bool = True
    """Whether it is for playback, where 4:2:0 is expected; otherwise for editing and archives."""
    alpha: bool = False


@dataclass(frozen=True)
class Codec:
    """A video codec, the containers that support it, and its encoders, best first."""

    suffixes: tuple[str, ...]
    encoders: tuple[Encoder, ...]


def _numbers(first: int, last: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(first, last + 1))


CODECS: Mapping[str, Codec] = {
    "h264": Codec(
        ("mp4", "m4v", "mkv", "mov"),
        (Encoder("libx264", (0, 51, 16), X26X_PRESETS, "faster", even_sides=True),),
    ),
    "hevc": Codec(
        ("mp4", "m4v", "mkv", "mov"),
        (Encoder("libx265", (0, 51, 18), X26X_PRESETS, "fast", even_sides=True),),
    ),
    "vp9": Codec(
        ("webm", "mkv", "mp4"),
        (Encoder("libvpx-vp9", (0, 63, 24), _numbers(0, 8), "4", alpha=True),),
    ),
    "av1": Codec(
        ("mp4", "mkv", "webm"),
        (
            Encoder("libsvtav1", (1, 63, 24), _numbers(0, 13), "8"),
            Encoder("libaom-av1", (0, 63, 24), _numbers(0, 8), "6"),
        ),
    ),
    "prores": Codec(
        ("mov", "mkv"), (Encoder("prores_ks", (5, 0, PRORES_HQ), (), "", delivery=False, alpha=True),)
    ),
    "ffv1": Codec(("mkv",), (Encoder("ffv1", None, (), "", delivery=False, alpha=True),)),
}
ALIASES = {"h265": "hevc", "x265": "hevc", "x264": "h264", "avc": "h264"}
_ALPHA_SUFFIXES = {"vp9": ("webm", "mkv")}  # others keep alpha wherever they go
_CAPTION_ENCODERS = ("libx264", "libx265")  # write the closed captions of the frames that have them
_ALPHA_REMEDY = "write .mov (ProRes 4444), .webm (VP9) or .mkv (FFV1) to keep it"


@dataclass(frozen=True)
class EncodingPlan:
    """Settings of an encoding, all decided before its first frame."""

    codec: str
    """Our name, a key of :data:`CODECS`."""
    encoder: str
    """FFmpeg's name."""
    pixel_format: str
    color: ColorTags
    options: dict[str, str]
    """The encoder's private options."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """One sentence per property that the output cannot keep."""


@lru_cache(maxsize=32)
def encoder_formats(name: str) -> tuple[str, ...]:
    """The pixel formats of an encoder of this FFmpeg build; empty if the build lacks the encoder."""
    try:
        formats = av.Codec(name, "w").video_formats
    except UnknownCodecError:
        return ()
    return tuple(video_format.name for video_format in formats or ())


def available_codecs() -> list[str]:
    """Our names of the codecs that this FFmpeg build can encode."""
    return [name for name, codec in CODECS.items() if any(encoder_formats(e.name) for e in codec.encoders)]


def plan_encoding(
    info: SourceInfo,
    suffix: str,
    *,
    codec: str = "auto",
    quality: float | None = None,
    preset: str | None = None,
    pixel_format: str = "auto",
) -> EncodingPlan:
    """Choose codec, encoder, sample layout, colour tags and settings of an output.

    Args:
        info: Information on the source of the frames.
        suffix: Suffix of the output without its dot, one of :data:`VIDEO_SUFFIXES`.
        codec: ``"auto"``, a key of :data:`CODECS`, or FFmpeg's name of one of the encoders in it.
        quality: Quality on the encoder's own scale (CRF; ProRes: number of the profile); None: the default.
        preset: Encoder's own name of its speed setting; None: the default.
        pixel_format: FFmpeg's name of the sample layout, or ``"auto"``.

    Raises:
        ConfigError: If a name or value is unknown.
        OutputError: If codec, container, pixel format and frame size do not go together.
    """
    name, encoder = _choose_codec(info, suffix, codec)
    wanted = formats.describe(info.pixel_format, bits=info.bits, alpha=info.has_alpha)
    keeps_alpha = encoder.alpha and suffix in _ALPHA_SUFFIXES.get(name, (suffix,))
    usable = _usable_formats(encoder, keeps_alpha, quality)
    if pixel_format == "auto":
        chosen, notes = _choose_format(info, wanted, encoder, usable)
    else:
        _check_format(info, encoder, usable, pixel_format)
        chosen, notes = pixel_format, []
    notes += _loss_notes(wanted, formats.describe(chosen), name, suffix)
    if name == "vp9" and (info.mastering_display or info.content_light):
        notes.append("HDR mastering metadata was left out: VP9 cannot hold it, --codec hevc or av1 can.")
    foreign = [profile for profile in info.color_profiles if profile]
    if foreign:
        notes.append(
            f"The colour profile ({'; '.join(foreign)}) was not applied: videos have none, and players show "
            "the colours as sRGB; convert the images to sRGB first."
        )
    kept = (CLOSED_CAPTIONS,) if encoder.name in _CAPTION_ENCODERS else ()
    lost = [name for name in info.lost_metadata if name not in kept]
    if lost:
        notes.append(f"Left out, because new frames have none: {', '.join(lost)}.")
    tags = output_tags(info.color, chosen)
    options = _settings(encoder, chosen, quality, preset) | parameter_options(
        encoder.name, info.mastering_display, info.content_light
    )
    return EncodingPlan(name, encoder.name, chosen, tags, options, tuple(notes))


def output_tags(source: ColorTags, pixel_format: str) -> ColorTags:
    """The colour tags of an output: the source's, with matrix and range as the sample layout needs them."""
    if formats.describe(pixel_format).rgb:
        return ColorTags(source.primaries, source.transfer, matrix=0, full_range=True)
    if source.matrix == 0:  # R'G'B' becomes Y'CbCr: with the matrix that belongs to its primaries
        matrix = 9 if source.primaries == 9 else 1
        return ColorTags(source.primaries, source.transfer, matrix, full_range=False)
    return source


def _choose_codec(info: SourceInfo, suffix: str, wanted: str) -> tuple[str, Encoder]:
    if wanted == "auto":
        for name in _automatic(suffix, info):
            encoder = _first_available(CODECS[name].encoders)
            if encoder:
                return name, encoder
        raise OutputError(f"This FFmpeg build has no encoder for .{suffix}: choose another kind of file.")
    name = ALIASES.get(wanted, wanted)
    if name not in CODECS:
        name = next((n for n, c in CODECS.items() if any(e.name == wanted for e in c.encoders)), "")
    known = ", ".join(available_codecs())
    if not name:
        raise ConfigError(f"Unknown codec {wanted!r}: choose one of auto, {known}.")
    named = tuple(encoder for encoder in CODECS[name].encoders if encoder.name == wanted)
    encoder = _first_available(named or CODECS[name].encoders)
    if encoder is None:
        raise ConfigError(f"This FFmpeg build has no encoder for {wanted}: choose one of auto, {known}.")
    if suffix not in CODECS[name].suffixes:
        fitting = ", ".join(f".{s}" for s in CODECS[name].suffixes)
        raise OutputError(f"A .{suffix} file cannot hold {name}: write {fitting}, or choose another --codec.")
    return name, encoder


def _first_available(encoders: tuple[Encoder, ...]) -> Encoder | None:
    return next((encoder for encoder in encoders if encoder_formats(encoder.name)), None)


def _automatic(suffix: str, info: SourceInfo) -> list[str]:
    """Codecs for a container, best first: keep alpha if possible, then bit depth, then suit players."""
    deep = info.bits > 8 or info.color.transfer in HDR_TRANSFERS
    keeper = {"mov": "prores", "mkv": "ffv1", "webm": "vp9"}.get(suffix)
    if info.has_alpha and keeper:
        return [keeper]
    order = ["hevc", "av1", "h264", "vp9"] if deep else ["h264", "hevc", "vp9", "av1"]
    if suffix == "webm":
        order = ["av1", "vp9"] if deep else ["vp9", "av1"]
    return [name for name in order if suffix in CODECS[name].suffixes]


def _usable_formats(encoder: Encoder, alpha: bool, quality: float | None) -> list[str]:
    """The pixel formats of the build's encoder, without those that its settings or the container exclude."""
    usable = [name for name in encoder_formats(encoder.name) if formats.is_usable(name)]
    if not alpha:
        usable = [name for name in usable if not formats.describe(name).alpha]
    elif encoder.delivery:  # players support transparency in this layout only
        usable = [name for name in usable if name == "yuva420p" or not formats.describe(name).alpha]
    if encoder.name == "prores_ks" and quality is not None:
        full = quality >= PRORES_4444
        usable = [name for name in usable if (formats.describe(name).horizontal == 1) == full]
    return usable


def _choose_format(
    info: SourceInfo, wanted: formats.Layout, encoder: Encoder, usable: list[str]
) -> tuple[str, list[str]]:
    fitting = [name for name in usable if not _is_odd(info, encoder, name)]
    if not fitting:
        raise OutputError(
            f"{encoder.name} cannot write {info.width}x{info.height} frames: crop or scale them."
        )
    if wanted.gray and encoder.delivery:
        wanted = wanted.as_420(wanted.bits)
    if wanted.rgb and encoder.delivery:
        wanted = wanted.as_420(8 if wanted.bits == 8 else 10)
    chosen = min(fitting, key=lambda name: formats.loss(wanted, formats.describe(name)))
    if len(fitting) == len(usable) or formats.describe(chosen).horizontal >= wanted.horizontal:
        return chosen, []
    return chosen, [
        f"The sides {info.width}x{info.height} are odd, so that {encoder.name} needs full colour resolution "
        f"({chosen}), which not every player shows; --codec vp9 or av1 takes odd sides as they are."
    ]


def _is_odd(info: SourceInfo, encoder: Encoder, pixel_format: str) -> bool:
    layout = formats.describe(pixel_format)
    return encoder.even_sides and bool(info.width % layout.horizontal or info.height % layout.vertical)


def _check_format(info: SourceInfo, encoder: Encoder, usable: list[str], wanted: str) -> None:
    if not formats.exists(wanted):
        raise ConfigError(f"Unknown pixel format {wanted!r}: choose auto or one of {', '.join(usable)}.")
    if wanted not in usable:
        raise OutputError(
            f"{encoder.name} cannot write the pixel format {wanted} to this file: "
            f"choose auto or one of {', '.join(usable)}."
        )
    if _is_odd(info, encoder, wanted):
        raise OutputError(
            f"{encoder.name} refuses {info.width}x{info.height} frames as {wanted}, which needs even "
            "sides: choose --pixel-format yuv444p or auto, or --codec vp9."
        )


def _loss_notes(source: formats.Layout, chosen: formats.Layout, codec: str, suffix: str) -> list[str]:
    notes = []
    if source.alpha and not chosen.alpha:
        notes.append(f"Transparency was lost: {codec} in .{suffix} has none; {_ALPHA_REMEDY}.")
    if source.bits > chosen.bits:
        notes.append(
            f"{source.bits}-bit samples were rounded to {chosen.bits} bit ({chosen.name}); "
            "--codec ffv1 in .mkv keeps them as they are."
        )
    coarser = chosen.horizontal > source.horizontal or chosen.vertical > source.vertical
    if coarser and not source.gray:
        remedy = "--pixel-format yuv444p keeps it whole where the codec can."
        if chosen.alpha:  # which that would lose
            remedy = "--codec ffv1 in .mkv keeps it whole."
        notes.append(
            f"Colour was written at lower resolution than luma ({chosen.name}), as players expect; {remedy}"
        )
    return notes


def _settings(
    encoder: Encoder, pixel_format: str, quality: float | None, preset: str | None
) -> dict[str, str]:
    """An encoder's private options for a quality and a preset."""
    level = _checked_quality(encoder, quality)
    speed = _checked_preset(encoder, preset)
    layout = formats.describe(pixel_format)
    if encoder.name == "prores_ks":
        profile = max(level, PRORES_4444) if quality is None and layout.horizontal == 1 else level
        return {"profile": PRORES_PROFILES[int(profile)], "vendor": "apl0"}
    if encoder.name == "ffv1":
        return {"level": "3", "slicecrc": "1", "slices": "4"}
    if encoder.name in ("libvpx-vp9", "libaom-av1"):
        # Alternate reference frames are never displayed, and the alpha layer has none to match.
        hidden = {"auto-alt-ref": "0"} if layout.alpha else {}
        return {"crf": f"{level:g}", "b": "0", "cpu-used": speed, "row-mt": "1"} | hidden
    captions = {"a53cc": "1"} if encoder.name in _CAPTION_ENCODERS else {}
    return {"crf": f"{level:g}", "preset": speed} | captions


def _checked_quality(encoder: Encoder, quality: float | None) -> float:
    if encoder.quality is None:
        if quality is not None:
            raise ConfigError(f"{encoder.name} is lossless and has no quality setting: leave --quality out.")
        return 0
    best, worst, default = encoder.quality
    if quality is None:
        return default
    if not min(best, worst) <= quality <= max(best, worst):
        raise ConfigError(
            f"--quality {quality:g} is out of range for {encoder.name}: from {best:g} (best) to {worst:g}."
        )
    return quality


def _checked_preset(encoder: Encoder, preset: str | None) -> str:
    if preset is None:
        return encoder.preset
    if not encoder.presets:
        raise ConfigError(f"{encoder.name} has no presets: leave --preset out.")
    if preset not in encoder.presets:
        raise ConfigError(
            f"Unknown preset {preset!r} of {encoder.name}: choose {', '.join(encoder.presets)}."
        )
    return preset


_CHROMATICITY_STEPS = 50000  # per unit of CIE x and y (SMPTE ST 2086)
_LUMINANCE_STEPS = 10000  # per cd/m^2


def parameter_options(
    encoder: str, mastering: MasteringDisplay | None, light: ContentLight | None
) -> dict[str, str]:
    """The option that passes an encoder its private parameters, HDR metadata among them.

    Args:
        encoder: FFmpeg's name of the encoder.
        mastering: Mastering display of the source; None: unknown.
        light: Light levels of the source; None: unknown.
    """
    levels = f"{light.max_content},{light.max_frame_average}" if light else ""
    if encoder == "libx265":
        fields = ["log-level=error"]
        fields += [f"master-display={_in_steps(mastering)}"] if mastering else []
        fields += [f"max-cll={levels}"] if light else []
        return {"x265-params": ":".join(fields)}
    if encoder == "libx264":
        # x264's macroblock tree, in its AVX-512 code, reads uninitialised memory: equal frames gave different
        # bytes, where a resumed run must give equal ones. It would save about 8 % of the size.
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
    """A mastering display as integers in the steps of the standard, for x264 and x265."""
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
    """A mastering display as decimal numbers, for SVT-AV1."""
    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    text = "".join(f"{name}({float(x):.6f},{float(y):.6f})" for name, (x, y) in points.items())
    return f"{text}L({float(display.luminance_max):.4f},{float(display.luminance_min):.4f})"
