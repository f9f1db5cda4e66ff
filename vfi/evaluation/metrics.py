"""Metrics of an estimate against ground truth: PSNR, SSIM and LPIPS of images, errors and outliers of flow.

Images are tensors ``[B, 3, H, W]`` (or ``[3, H, W]``) or arrays ``[H, W, 3]`` (or ``[B, H, W, 3]``), RGB,
either uint8 (peak 255) or floating point in [0, 1] (peak 1); both images of one call have the same kind and
size. Every function returns one number per image of the batch as a float64 tensor ``[B]``, so that
``float(psnr(a, b))`` serves a single pair and the caller chooses how to average a batch. Everything is
computed in float64: SSIM subtracts nearly equal squares.

Papers differ in what they call SSIM, so each variant has its own name: :func:`ssim` is the definition of
Wang et al. 2004 and the one of our tables; :func:`ssim_volume` and :func:`ssim_uniform` exist to compare with
numbers published under the SNU-FILM / X-TEST and the Xiph protocols.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vfi.errors import ModelError

Image: TypeAlias = "Tensor | np.ndarray"

HIGHEST_PSNR = 100.0
"""dB; stands for "equal" in means, so that one equal frame does not make them infinite."""
SSIM_K1, SSIM_K2 = 0.01, 0.03
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
UNIFORM_WINDOW = 7

LPIPS_NETWORKS = ("alex", "vgg", "squeeze")

_LEAST_DETAIL = 1e-9
"""Added to the energy of detail of both, so that flat images have a ratio."""
FLOW_OUTLIER_PIXELS = 3.0
FLOW_OUTLIER_FRACTION = 0.05


def psnr(estimate: Image, truth: Image, *, peak: float | None = None) -> Tensor:
    """Peak signal-to-noise ratio over all pixels and channels jointly.

    Args:
        estimate: Estimated image or batch, as the module's docstring describes.
        truth: Ground truth, an image or batch of the same shape and kind.
        peak: Range of the signal; None: 255 for uint8, 1 for floating point.

    Returns:
        ``[B]``, decibels, ``10 log10(peak^2 / mean squared error)``; infinite for equal images.

    Raises:
        ValueError: If the two differ in shape or kind.
    """
    estimate, truth, peak = _pair(estimate, truth, peak)
    error = (estimate - truth).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(peak**2 / error)


def ssim(estimate: Image, truth: Image, *, peak: float | None = None) -> Tensor:
    """Structural similarity after Wang et al. 2004, "Image quality assessment".

    11x11 Gaussian window of sigma 1.5 on the valid region, weighted (biased) variances, K1 = 0.01, K2 = 0.03,
    the mean over the map and over the three channels.

    Args:
        estimate: Estimated image or batch of at least 11x11 pixels.
        truth: Ground truth, an image or batch of the same shape and kind.
        peak: Range of the signal; None: 255 for uint8, 1 for floating point.

    Returns:
        ``[B]``, 1 for equal images.

    Raises:
        ValueError: If the two differ in shape or kind, or are smaller than the window.
    """
    return ssim_channels(estimate, truth, peak=peak).mean(dim=1)


def ssim_channels(estimate: Image, truth: Image, *, peak: float | None = None) -> Tensor:
    """As :func:`ssim`, one number per channel: ``[B, 3]``."""
    estimate, truth, peak = _pair(estimate, truth, peak, smallest=SSIM_WINDOW)
    return _similarity_map(estimate, truth, peak, _gaussian_window(), axes=(2, 3)).mean(dim=(2, 3))


def ssim_volume(estimate: Image, truth: Image, *, peak: float | None = None) -> Tensor:
    """The SSIM many interpolation papers report (``ssim_matlab``): the colour channels count as a third axis.

    An 11x11x11 Gaussian of sigma 1.5 over (channel, row, column) after repeating the border by five on all
    three axes, which mixes the channels; biased variances; mean over the whole map. Its numbers are not
    comparable with those of :func:`ssim`.

    Arguments, result and errors are those of :func:`ssim`, but images may have any size.
    """
    estimate, truth, peak = _pair(estimate, truth, peak)
    pad = (SSIM_WINDOW // 2,) * 6
    # [B, 3, H, W] -> [B, 3 + 10, H + 10, W + 10]
    estimate = functional.pad(estimate.unsqueeze(1), pad, mode="replicate").squeeze(1)
    truth = functional.pad(truth.unsqueeze(1), pad, mode="replicate").squeeze(1)
    return _similarity_map(estimate, truth, peak, _gaussian_window(), axes=(1, 2, 3)).mean(dim=(1, 2, 3))


def ssim_uniform(estimate: Image, truth: Image, *, peak: float | None = None) -> Tensor:
    """The SSIM of scikit-image's defaults (Xiph protocol): 7x7 uniform window, sample covariance.

    Arguments, result and errors are those of :func:`ssim`, but images may be as small as 7x7 pixels.
    """
    estimate, truth, peak = _pair(estimate, truth, peak, smallest=UNIFORM_WINDOW)
    window = torch.full((UNIFORM_WINDOW,), 1 / UNIFORM_WINDOW, dtype=torch.float64)
    samples = UNIFORM_WINDOW**2
    unbiased = samples / (samples - 1)
    similarity = _similarity_map(estimate, truth, peak, window, axes=(2, 3), covariance_factor=unbiased)
    return similarity.mean(dim=(1, 2, 3))


def interpolation_error(estimate: Image, truth: Image) -> Tensor:
    """Mean absolute difference of all samples in 8-bit levels (interpolation error of Middlebury's table).

    Args:
        estimate: Estimated image or batch.
        truth: True image or batch, of the same shape and kind.

    Returns:
        ``[B]``, levels of 255.

    Raises:
        ValueError: If the two differ in shape or kind.
    """
    estimate, truth, peak = _pair(estimate, truth, None)
    return (estimate - truth).abs().mean(dim=(1, 2, 3)) * (255 / peak)


def sharpness_ratio(estimate: Image, truth: Image) -> Tensor:
    """Energy of fine detail in an estimate against that of its ground truth, in decibels.

    A film whose new frames lie below 0 pulses: they are softer than the frames around them. Detail is the
    difference of each sample to the mean of its four neighbors.

    Args:
        estimate: Estimated image or batch of at least 3x3 pixels.
        truth: True image or batch, of the same shape and kind.

    Returns:
        ``[B]``, decibels: 0 for equal sharpness, negative for a softer estimate, 0 where both are flat.

    Raises:
        ValueError: If the two differ in shape or kind, or are too small.
    """
    estimate, truth, peak = _pair(estimate, truth, None, smallest=3)
    energies = [_detail(image / peak) + _LEAST_DETAIL for image in (estimate, truth)]
    return 10 * torch.log10(energies[0] / energies[1])


def _detail(image: Tensor) -> Tensor:
    """Mean square of the discrete Laplacian, ``[B]``, relative to the peak of 1."""
    around = image[..., 1:-1, :-2] + image[..., 1:-1, 2:] + image[..., :-2, 1:-1] + image[..., 2:, 1:-1]
    return (image[..., 1:-1, 1:-1] - around / 4).square().mean(dim=(1, 2, 3))


def lpips(estimate: Image, truth: Image, *, network: str = "alex") -> Tensor:
    """Learned perceptual distance of Zhang et al. 2018 (LPIPS 0.1); smaller is better, 0 for equal images.

    Args:
        estimate: Estimated image or batch.
        truth: Ground truth, an image or batch of the same shape and kind.
        network: ``"alex"`` (the one papers report), ``"vgg"`` or ``"squeeze"``.

    Returns:
        ``[B]``.

    Raises:
        ModelError: If the ``metrics`` extra is not installed, or the backbone's weights are neither on this
            machine nor to be downloaded.
        ValueError: If the two differ in shape or kind, or the network is unknown.
    """
    if network not in LPIPS_NETWORKS:
        raise ValueError(f"unknown LPIPS network {network!r}; there are {', '.join(LPIPS_NETWORKS)}")
    device = estimate.device if isinstance(estimate, Tensor) else torch.device("cpu")
    estimate, truth, peak = _pair(estimate, truth, None)
    distance = _load_lpips(network).to(device)
    # The network wants float32 in [-1, 1].
    estimate, truth = ((image / peak * 2 - 1).float() for image in (estimate, truth))
    with torch.inference_mode():
        return distance(estimate, truth).flatten().double()


def epe(flow: Tensor, truth: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """Mean end-point error, the distance between estimated and true flow vectors.

    To pool the pixels of several images, as KITTI's Fl-all does, weight each by its number of valid pixels.

    Args:
        flow: Estimated flow, ``[B, 2, H, W]``, pixels.
        truth: True flow, ``[B, 2, H, W]``, pixels; any value, NaN included, where it is not valid.
        valid: Mask ``[B, 1, H, W]``, bool or 0/1, of the pixels that count; None: all.

    Returns:
        ``[B]``, pixels; NaN where no pixel is valid.

    Raises:
        ValueError: If flow and truth differ in shape, or ``valid`` does not fit them.
    """
    distance, _ = _flow_distance(flow, truth)
    return _masked_mean(distance, valid)


def flow_outliers(
    flow: Tensor,
    truth: Tensor,
    *,
    valid: Tensor | None = None,
    pixels: float = FLOW_OUTLIER_PIXELS,
    fraction: float = FLOW_OUTLIER_FRACTION,
) -> Tensor:
    """Fraction of flow vectors that are wrong (Fl of KITTI 2015): off by more than 3 px and by more than 5 %.

    With ``pixels=1, fraction=0`` it is the fraction off by more than a pixel. For several images (Fl-all) see
    :func:`epe`.

    Args:
        flow: Estimated flow, ``[B, 2, H, W]``, pixels.
        truth: True flow, ``[B, 2, H, W]``, pixels; any value, NaN included, where it is not valid.
        valid: Mask ``[B, 1, H, W]``, bool or 0/1, of the pixels that count; None: all.
        pixels: Number of pixels that an outlier's error exceeds.
        fraction: Fraction of the true vector's length that an outlier's error exceeds too.

    Returns:
        ``[B]``, in [0, 1]; NaN where no pixel is valid.

    Raises:
        ValueError: If flow and truth differ in shape, or ``valid`` does not fit them.
    """
    distance, length = _flow_distance(flow, truth)
    wrong = (distance > pixels) & (distance > fraction * length)
    return _masked_mean(wrong.double(), valid)


def _pair(
    estimate: Image, truth: Image, peak: float | None, *, smallest: int = 1
) -> tuple[Tensor, Tensor, float]:
    """Both images as float64 ``[B, 3, H, W]`` on one device, and the peak."""
    first, second = _batch(estimate), _batch(truth)
    if first.shape != second.shape:
        raise ValueError(f"estimate {tuple(first.shape)} and truth {tuple(second.shape)} differ in shape")
    if (first.dtype == torch.uint8) != (second.dtype == torch.uint8):
        raise ValueError(f"estimate is {first.dtype}, truth is {second.dtype}: give both in the same range")
    if min(first.shape[-2:]) < smallest:
        raise ValueError(f"{tuple(first.shape[-2:])} pixels are smaller than the {smallest} pixel window")
    if peak is None:
        peak = 255.0 if first.dtype == torch.uint8 else 1.0
    return first.double(), second.double().to(first.device), peak


def _batch(image: Image) -> Tensor:
    """Any accepted image as ``[B, 3, H, W]`` of its own type."""
    if isinstance(image, np.ndarray):
        # A copy, because decoders hand out arrays that must not be written to, which tensors cannot express.
        tensor = torch.from_numpy(image.copy()).movedim(-1, -3)
    else:
        tensor = image.detach()
    if tensor.ndim == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim != 4 or tensor.shape[1] != 3:
        raise ValueError(f"wanted [B, 3, H, W] tensors or [H, W, 3] arrays, got {tuple(image.shape)}")
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise ValueError(f"wanted uint8 or floating point in [0, 1], got {tensor.dtype}")
    return tensor


def _gaussian_window() -> Tensor:
    """The one-dimensional window ``[11]``, of sum 1."""
    offset = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    window = torch.exp(-offset.square() / (2 * SSIM_SIGMA**2))
    return window / window.sum()


def _filter(values: Tensor, window: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Correlate with the separable window along each of the axes, valid region only."""
    taps = window.tolist()
    for axis in axes:
        length = values.shape[axis] - len(taps) + 1
        # A sum of shifted views: on CPU several times faster than conv2d in float64.
        views = values.unfold(axis, length, 1).movedim(-1, axis + 1).unbind(axis)
        total = views[0] * taps[0]
        for view, tap in zip(views[1:], taps[1:], strict=True):
            total.add_(view, alpha=tap)
        values = total
    return values


def _similarity_map(
    estimate: Tensor,
    truth: Tensor,
    peak: float,
    window: Tensor,
    *,
    axes: tuple[int, ...],
    covariance_factor: float = 1.0,
) -> Tensor:
    """The SSIM map, on the valid region of the window along the given axes."""
    constant_1, constant_2 = (SSIM_K1 * peak) ** 2, (SSIM_K2 * peak) ** 2
    mean_a, mean_b = _filter(estimate, window, axes), _filter(truth, window, axes)
    # Only the sum of the two variances is needed.
    squares = _filter(estimate.square() + truth.square(), window, axes)
    variances = covariance_factor * (squares - mean_a.square() - mean_b.square())
    covariance = covariance_factor * (_filter(estimate * truth, window, axes) - mean_a * mean_b)
    luminance = (2 * mean_a * mean_b + constant_1) / (mean_a.square() + mean_b.square() + constant_1)
    structure = (2 * covariance + constant_2) / (variances + constant_2)
    return luminance * structure


@lru_cache(maxsize=3)
def _load_lpips(network: str) -> nn.Module:
    """The LPIPS network in evaluation mode.

    Raises:
        ModelError: If the package or the weights are missing; it states how to get them.
    """
    try:
        import lpips as package  # pyright: ignore[reportMissingImports] - an optional extra
    except ImportError as error:
        raise ModelError('LPIPS needs the metrics extra: pip install "vfi[metrics]".') from error
    try:
        with warnings.catch_warnings():
            # The package still uses torchvision's deprecated spelling of "pretrained".
            warnings.simplefilter("ignore")
            distance = package.LPIPS(net=network, verbose=False)
    except OSError as error:
        raise ModelError(
            f"The weights of the LPIPS backbone {network!r} are neither on this machine nor to be downloaded "
            f"({error}); put torchvision's file into {torch.hub.get_dir()}/checkpoints or leave LPIPS out."
        ) from error
    return distance.eval()


def _flow_distance(flow: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """End-point error and length of the true vectors, both float64 ``[B, H, W]``, pixels."""
    if flow.shape != truth.shape or flow.ndim != 4 or flow.shape[1] != 2:
        raise ValueError(f"wanted two flows [B, 2, H, W], got {tuple(flow.shape)} and {tuple(truth.shape)}")
    flow, truth = flow.detach().double(), truth.detach().double().to(flow.device)
    return (flow - truth).norm(dim=1), truth.norm(dim=1)


def _masked_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of ``[B, H, W]`` over the valid pixels ``[B, 1, H, W]``: ``[B]``."""
    if valid is None:
        return values.mean(dim=(1, 2))
    wanted = (values.shape[0], 1, *values.shape[1:])
    if valid.shape != wanted:  # another shape would broadcast to an unintended one
        raise ValueError(f"wanted valid as {wanted}, got {tuple(valid.shape)}")
    inside = valid[:, 0].to(values.device) > 0
    # Not a product: ground truth may be NaN or infinite where it is not valid.
    total = torch.where(inside, values, 0.0).sum(dim=(1, 2))
    return total / inside.sum(dim=(1, 2))
