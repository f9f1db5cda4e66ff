"""Synthetic weights, arrays and frames that are a pure function of a name, in numpy.

Golden vectors (``tests/golden``) were computed by networks whose every parameter is a function of its name
and shape, from frames that are a function of a seed; neither is stored. This module computes both again. All
randomness is the raw stream of a Philox generator keyed by the SHA-256 of the name, converted to numbers by
integer arithmetic, hence the same with every numpy on every machine.

How a parameter is filled depends on its kind, with ``s`` uniform in [-1, 1):

============= ================================================================================
``conv``      ``s`` scaled to the variance ``gain^2 / fan_in``, fan_in = product of all axes but the first
``conv_hp``   ``conv`` without the mean of every kernel, at the same variance (a high pass)
``conv_t``    transposed convolution ``[in, out, k, k]`` of stride 2: fan_in = in * k * k / 4
``bias``      ``0.05 s gain``
``norm``      ``(1 + 0.4 s) gain``, the scale of a normalisation
``prelu``     ``(0.25 + 0.15 s) gain``
``mean``      ``0.2 s``, a running mean
``var``       ``1 + 0.5 s``, a running variance
``zero``      zeros, for counters
``raw``       ``s gain``, for tables and tokens
============= ================================================================================
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")

STREAM = "v1"
"""First part of every key of the generator; another one would mean other golden vectors."""

CONVOLUTIONS = ("conv", "conv_hp", "conv_t")


def uniform(name: str, shape: Sequence[int], salt: str = "") -> NDArray[np.float64]:
    """Numbers in [0, 1) that depend on name and salt only; a longer shape continues the same stream."""
    count = math.prod(shape)
    digest = hashlib.sha256(f"{STREAM}|{salt}|{name}".encode()).digest()
    generator = np.random.Philox(key=int.from_bytes(digest[:16], "little"))
    bits = generator.random_raw(max(count, 1))[:count].astype(np.uint64)
    return ((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(tuple(shape))


def kind_of(name: str, shape: Sequence[int]) -> str:
    """The kind of a parameter or buffer that no table mentions."""
    leaf = name.rpartition(".")[2]
    counters = {"num_batches_tracked": "zero", "running_mean": "mean", "running_var": "var"}
    if leaf in counters:
        return counters[leaf]
    if len(shape) == 1:
        if leaf.endswith("bias"):
            return "bias"
        return "prelu" if "prelu" in name.lower() else "norm"
    is_table = leaf.endswith(("table", "token"))
    return "conv" if len(shape) >= 2 and not is_table else "raw"


def most_specific(table: Mapping[str, Value] | None, name: str, default: Value) -> Value:
    """The entry of ``table`` that fits ``name`` best.

    A key is a prefix of whole dotted parts, the empty key fits everything; a key that begins with ``*`` is a
    suffix of any kind. Suffixes go before prefixes, longer keys before shorter ones, earlier before later.
    """

    def fits(key: str) -> bool:
        return (
            name.endswith(key[1:]) if key.startswith("*") else f"{name}.".startswith(f"{key}." if key else "")
        )

    fitting = [key for key in table or {} if fits(key)]
    if not table or not fitting:
        return default
    return table[max(fitting, key=lambda key: (key.startswith("*"), len(key)))]


def synthetic_tensor(
    name: str,
    shape: Sequence[int],
    *,
    kind: str | None = None,
    gain: float = 1.0,
    gains: Mapping[str, float] | None = None,
    salt: str = "",
) -> NDArray[np.float32]:
    """One parameter.

    Args:
        name: Name of which the values are a function.
        shape: Shape of the parameter.
        kind: Row of the table above; None: derived from name and shape.
        gain: Factor for all kinds that have a gain.
        gains: Further factors for convolutions and ``raw``, looked up by :func:`most_specific`.
        salt: Seed; another one gives unrelated values.

    Returns:
        The values.

    Raises:
        ValueError: If the kind is unknown.
    """
    kind = kind or kind_of(name, shape)
    sign = 2.0 * uniform(name, shape, salt) - 1.0
    if kind in CONVOLUTIONS or kind == "raw":
        gain = gain * most_specific(gains, name, 1.0)
    if kind in CONVOLUTIONS:
        values = _convolution(sign, kind, gain)
    elif kind == "bias":
        values = sign * (0.05 * gain)
    elif kind == "norm":
        values = (1.0 + 0.4 * sign) * gain
    elif kind == "prelu":
        values = (0.25 + 0.15 * sign) * gain
    elif kind == "mean":
        values = 0.2 * sign
    elif kind == "var":
        values = 1.0 + 0.5 * sign
    elif kind == "zero":
        values = np.zeros_like(sign)
    elif kind == "raw":
        values = sign * gain
    else:
        raise ValueError(f"there is no kind {kind!r} of synthetic parameter")
    return values.astype(np.float32)


def _convolution(sign: NDArray[np.float64], kind: str, gain: float) -> NDArray[np.float64]:
    kernel_size = math.prod(sign.shape[2:])
    if kind == "conv_t":
        fan_in = sign.shape[0] * kernel_size / 2.0 ** (sign.ndim - 2)
    else:
        fan_in = math.prod(sign.shape[1:]) or 1
    values = sign * (gain * np.sqrt(3.0 / fan_in))
    if kind == "conv_hp" and kernel_size > 1:
        kernel_axes = tuple(range(2, sign.ndim))
        values = values - values.mean(axis=kernel_axes, keepdims=True)
        values = values * np.sqrt(kernel_size / (kernel_size - 1.0))
    return values


def synthetic_state(
    shapes: Mapping[str, Sequence[int]],
    *,
    gains: Mapping[str, float] | None = None,
    kinds: Mapping[str, str] | None = None,
    salt: str = "",
) -> dict[str, NDArray[np.float32]]:
    """The parameters of a whole network, from its names and shapes; see :func:`synthetic_tensor`."""
    return {
        name: synthetic_tensor(name, shape, kind=most_specific(kinds, name, ""), gains=gains, salt=salt)
        for name, shape in shapes.items()
    }


def synthetic_array(
    name: str, shape: Sequence[int], low: float = -1.0, high: float = 1.0, salt: str = ""
) -> NDArray[np.float32]:
    """Values in [low, high) for the input of a test."""
    return (low + (high - low) * uniform(name, shape, salt)).astype(np.float32)


def synthetic_frames(
    count: int, height: int, width: int, seed: int = 0, magnitude: float = 1.0
) -> NDArray[np.uint8]:
    """A short clip: a textured background that moves, turns and zooms, and a textured ellipse over it.

    All motion is a cubic in time, so it is neither uniform nor exactly quadratic.

    Args:
        count: Number of frames.
        height: Frame height in pixels.
        width: Frame width in pixels.
        seed: Seed of texture and motion.
        magnitude: Factor for all motion.

    Returns:
        ``[count, height, width, 3]`` in 0..255.
    """
    chance = uniform(f"frames/{seed}", (192,))
    far_texture, near_texture, q = chance[:64], chance[64:128], 2 * chance[128:160] - 1
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0

    def travel(time: float, linear: float, quadratic: float, cubic: float) -> float:
        return magnitude * (linear * time + quadratic * time * time + cubic * time**3)

    frames = np.empty((count, height, width, 3), np.uint8)
    for i in range(count):
        time = i - (count - 1) / 2.0
        x = columns - centre_x - travel(time, 2.5 * q[0], 0.8 * q[1], 0.1 * q[2])
        y = rows - centre_y - travel(time, 2.0 * q[3], 0.6 * q[4], 0.1 * q[5])
        angle = travel(time, 0.015 * q[6], 0.004 * q[7], 0.0)
        zoom = np.exp(travel(time, 0.012 * q[8], 0.003 * q[9], 0.0))
        rotated_x = (np.cos(angle) * x + np.sin(angle) * y) / zoom
        rotated_y = (-np.sin(angle) * x + np.cos(angle) * y) / zoom
        image = _texture(rotated_x + 200, rotated_y + 150, far_texture)

        ellipse_x = centre_x + 0.15 * width * q[10] + travel(time, 5.0 * q[11] + 2, 1.3 * q[12], 0.15 * q[13])
        ellipse_y = centre_y + 0.15 * height * q[14] + travel(time, 3.0 * q[15], 1.3 * q[16], 0.15 * q[17])
        x, y = columns - ellipse_x, rows - ellipse_y
        distance = np.sqrt((x / (0.22 * width)) ** 2 + (y / (0.25 * height)) ** 2)
        cover = (1.0 / (1.0 + np.exp((distance - 1.0) * 25.0)))[..., None]
        ellipse = 0.15 + 0.8 * _texture(x * 1.3 + 500, y * 1.3 + 400, near_texture)
        image = image * (1 - cover) + ellipse * cover
        frames[i] = np.clip(np.rint(image * 255.0), 0, 255).astype(np.uint8)
    return frames


def _texture(
    x: NDArray[np.float64], y: NDArray[np.float64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A coloured pattern on the whole plane: per channel six sine waves and a soft checkerboard."""
    channels = []
    for channel in range(3):
        waves = np.zeros_like(x)
        for wave in range(6):
            first = (channel * 17 + wave * 7) % 60
            direction = 2 * np.pi * chance[first]
            period = 5.0 + 40.0 * chance[first + 1] ** 2
            phase = 2 * np.pi * chance[first + 2]
            along = x * np.cos(direction) + y * np.sin(direction)
            waves = waves + np.sin(2 * np.pi * along / period + phase) / 6
        stripes_x = np.sin(2 * np.pi * x / (23 + 9 * chance[channel + 40]))
        stripes_y = np.sin(2 * np.pi * y / (19 + 9 * chance[channel + 44]))
        checks = np.tanh(4 * stripes_x * stripes_y)
        channels.append(0.5 + 0.42 * (0.75 * waves + 0.25 * checks))
    return np.stack(channels, -1)
