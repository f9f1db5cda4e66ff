"""Metrics against stored references and closed forms."""

from __future__ import annotations

import builtins
import math
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vfi.errors import ModelError
from vfi.evaluation import metrics
from vfi.evaluation.metrics import (
    epe,
    flow_outliers,
    lpips,
    psnr,
    ssim,
    ssim_channels,
    ssim_uniform,
    ssim_volume,
)

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def eqvi_golden() -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / "eqvi" / "metrics.safetensors")


@pytest.fixture(scope="module")
def sgm_golden() -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / "sgm_vfi" / "metrics.safetensors")


@pytest.fixture
def image() -> np.ndarray:
    return np.random.Generator(np.random.Philox(7)).integers(0, 256, (24, 31, 3), dtype=np.uint8)


def test_psnr_and_ssim_equal_the_references_of_eqvi(eqvi_golden: dict[str, torch.Tensor]) -> None:
    a, b = eqvi_golden["a"].numpy(), eqvi_golden["b"].numpy()
    assert psnr(a, b) == pytest.approx(float(eqvi_golden["psnr_uint8"]), abs=1e-9)
    # The reference of the float variant was computed in float32.
    assert psnr(a / 255, b / 255) == pytest.approx(float(eqvi_golden["psnr_tensor"]), abs=1e-5)
    torch.testing.assert_close(ssim_channels(a, b)[0], eqvi_golden["ssim_rgb_channels"], rtol=0, atol=1e-9)
    assert ssim(a, b) == pytest.approx(float(eqvi_golden["ssim_rgb_mean"]), abs=1e-9)


def test_variants_equal_the_references_of_sgm_vfi(sgm_golden: dict[str, torch.Tensor]) -> None:
    # float32 up to here, as in the reference: in float64 other halves would be rounded to even.
    frames = sgm_golden["frames"].numpy().astype(np.float32) / 255
    truth, estimate = frames[1], np.float32(0.5) * (frames[0] + frames[2])
    rounded = np.rint(estimate * 255)
    assert psnr(estimate, truth) == pytest.approx(float(sgm_golden["psnr_float"]), abs=1e-5)
    assert psnr(rounded / 255, truth) == pytest.approx(float(sgm_golden["psnr_u8"]), abs=1e-5)
    # Its SSIM lost digits to float32: the same code in float64 differs by 1.5e-5.
    assert ssim_volume(estimate, truth) == pytest.approx(float(sgm_golden["ssim_float"]), abs=3e-5)
    assert ssim_volume(rounded / 255, truth) == pytest.approx(float(sgm_golden["ssim_u8"]), abs=3e-5)
    pair = rounded.astype(np.uint8), np.rint(truth * 255).astype(np.uint8)
    assert psnr(*pair) == pytest.approx(float(sgm_golden["psnr_xiph"]), abs=1e-9)
    assert ssim_uniform(*pair) == pytest.approx(float(sgm_golden["ssim_xiph"]), abs=1e-9)


def test_psnr_of_a_known_error(image: np.ndarray) -> None:
    truth = image // 2
    assert psnr(truth + 10, truth) == pytest.approx(20 * math.log10(255 / 10))
    assert psnr(np.full((4, 4, 3), 0.6), np.full((4, 4, 3), 0.5)) == pytest.approx(20.0)
    assert psnr(truth + 10, truth, peak=510) == pytest.approx(20 * math.log10(51))


def test_equal_images(image: np.ndarray) -> None:
    assert math.isinf(float(psnr(image, image)))
    for similarity in (ssim, ssim_volume, ssim_uniform):
        assert similarity(image, image) == pytest.approx(1.0, abs=1e-12)


def test_ssim_of_two_flat_images_is_the_luminance_term() -> None:
    a, b = np.full((16, 16, 3), 0.2), np.full((16, 16, 3), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    for similarity in (ssim, ssim_volume, ssim_uniform):
        assert similarity(a, b) == pytest.approx(expected, abs=1e-9)


def test_a_batch_gives_the_numbers_of_its_images(image: np.ndarray) -> None:
    other = np.roll(image, 3, axis=1)
    estimate, truth = np.stack([image, other]), np.stack([other, other // 2])
    for measure in (psnr, ssim, ssim_volume, ssim_uniform):
        together = measure(estimate, truth)
        singly = torch.cat([measure(a, b) for a, b in zip(estimate, truth, strict=True)])
        torch.testing.assert_close(together, singly, rtol=1e-12, atol=0)


def test_arrays_and_tensors_are_the_same_image(image: np.ndarray) -> None:
    other = np.roll(image, 1, axis=0)
    tensors = [torch.from_numpy(array).permute(2, 0, 1) for array in (image, other)]
    assert float(psnr(*tensors)) == float(psnr(image, other))
    assert float(ssim(*tensors)) == pytest.approx(float(ssim(image / 255, other / 255)), abs=1e-12)


def test_unequal_images_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        psnr(image, image[1:])
    with pytest.raises(ValueError, match="same range"):
        psnr(image, image / 255)
    with pytest.raises(ValueError, match="int64"):
        psnr(image.astype(np.int64), image.astype(np.int64))
    with pytest.raises(ValueError, match="11 pixel window"):
        ssim(image[:10], image[:10])
    with pytest.raises(ValueError, match="wanted"):
        psnr(image[..., :1], image[..., :1])


def test_end_point_error_and_outliers() -> None:
    truth = torch.zeros(2, 2, 5, 6)
    truth[1, 0] = 100.0
    flow = truth.clone()
    flow[0, :, 0, :3] = torch.tensor([3.0, 4.0])[:, None]
    flow[1, 1] += 4.0  # 4 px, but under 5 % of 100 px
    torch.testing.assert_close(epe(flow, truth), torch.tensor([5.0 * 3 / 30, 4.0]).double())
    torch.testing.assert_close(flow_outliers(flow, truth), torch.tensor([3 / 30, 0.0]).double())
    torch.testing.assert_close(flow_outliers(flow, truth, fraction=0.03), torch.tensor([0.1, 1.0]).double())


def test_pixels_that_are_not_valid_do_not_count() -> None:
    truth, flow = torch.zeros(1, 2, 4, 4), torch.full((1, 2, 4, 4), 6.0)
    truth[..., 0] = torch.nan
    valid = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    valid[..., 0] = False
    assert epe(flow, truth, valid=valid) == pytest.approx(6 * math.sqrt(2))
    assert flow_outliers(flow, truth, valid=valid) == 1
    assert math.isnan(float(epe(flow, truth, valid=torch.zeros_like(valid))))
    with pytest.raises(ValueError, match="two flows"):
        epe(flow, truth[:, :1])
    for wrong in (valid[:, 0], valid[..., :3], valid.expand(1, 2, 4, 4)):
        with pytest.raises(ValueError, match=r"wanted valid as \(1, 1, 4, 4\)"):
            epe(flow, truth, valid=wrong)


def test_outliers_by_hand() -> None:
    lengths = torch.tensor([0.0, 50.0, 70.0, 70.0])  # 5 % of 70 px are 3.5 px
    errors = torch.tensor([3.0, 3.1, 3.4, 3.6])
    truth = torch.stack((lengths, torch.zeros(4))).view(1, 2, 1, 4)
    flow = truth + torch.stack((torch.zeros(4), errors)).view(1, 2, 1, 4)
    assert float(flow_outliers(flow, truth)) == 2 / 4  # the second and the last
    assert float(flow_outliers(flow, truth, pixels=1, fraction=0)) == 1
    assert float(flow_outliers(flow, truth, valid=torch.tensor([1, 1, 0, 0]).view(1, 1, 1, 4))) == 1 / 2


@pytest.fixture
def fresh_lpips():
    """No network remembered from or for another test."""
    metrics._load_lpips.cache_clear()
    yield
    metrics._load_lpips.cache_clear()


def test_lpips_without_its_package_says_what_to_install(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch, fresh_lpips: None
) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *args, **kwargs):
        if name == "lpips":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModelError, match=r"vfi\[metrics\]"):
        lpips(image, image)


def test_an_unknown_lpips_network_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="alex, vgg, squeeze"):
        lpips(image, image, network="resnet")


def test_lpips_without_backbone_weights_says_so(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch, fresh_lpips: None
) -> None:
    package = pytest.importorskip("lpips")

    def offline(**_: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(package, "LPIPS", offline)
    with pytest.raises(ModelError, match="backbone 'alex'"):
        lpips(image, image)


@pytest.mark.filterwarnings("ignore:.*(pretrained|weight enum).*:UserWarning")
def test_lpips_of_equal_and_unequal_images(monkeypatch: pytest.MonkeyPatch, fresh_lpips: None) -> None:
    package = pytest.importorskip("lpips")
    torch.manual_seed(0)
    # Random backbone: the weights cannot be downloaded here, and only our part is tested.
    backbone = package.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    monkeypatch.setattr(package, "LPIPS", lambda **_: backbone)
    shape = (64, 64, 3)
    a = np.random.Generator(np.random.Philox(1)).integers(0, 256, shape, dtype=np.uint8)
    pair = np.stack([a, a]), np.stack([a, 255 - a])
    same, different = lpips(*pair, network="squeeze")
    assert float(same) == pytest.approx(0, abs=1e-6)
    assert float(different) > 1e-3
