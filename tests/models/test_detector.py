"""Detectors around the trunks of networks."""

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from se_nas.errors import InputError
from se_nas.models import detector as models_detector
from se_nas.models.detector import DetectorKind, DetectorSettings, Pyramid, build_detector
from se_nas.models.network import build_model
from se_nas.space.architecture import Architecture
from se_nas.space.parts.stem import Stem
from tests.fakes import network_with_se

SETTINGS = DetectorSettings(
    kind="faster_rcnn",
    classes=2,
    short_side=64,
    long_side=106,
    pixel_mean=(0.5, 0.5, 0.5),
    pixel_deviation=(0.25, 0.25, 0.25),
    frozen_norms=False,
)


def detector_of(architecture: Architecture, **changes: object) -> nn.Module:
    torch.manual_seed(0)
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    return build_detector(build_model(architecture, num_classes=2), architecture, settings)


def pyramid_of(detector: nn.Module) -> Pyramid:
    (pyramid,) = [each for each in detector.modules() if isinstance(each, Pyramid)]
    return pyramid


@pytest.mark.parametrize("kind", ["faster_rcnn", "retinanet", "fcos"])
@pytest.mark.parametrize("stages", [1, 3], ids=["a trunk of stride 2", "a trunk of stride 8"])
def test_each_detector_learns_and_finds_boxes_on_each_trunk(kind: DetectorKind, stages: int) -> None:
    detector = detector_of(network_with_se(*("inner/4",) * stages), kind=kind)
    images = [torch.rand(3, 64, 80), torch.rand(3, 70, 64)]
    targets = [
        {"boxes": torch.tensor([[4.0, 4.0, 30.0, 30.0]]), "labels": torch.tensor([1])},
        {"boxes": torch.tensor([[10.0, 4.0, 60.0, 50.0]]), "labels": torch.tensor([2])},
    ]

    loss = sum(detector.train()(images, targets).values())
    loss.backward()
    with torch.no_grad():
        found = detector.eval()(images)

    trunk = pyramid_of(detector).trunk
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in trunk.parameters())
    assert all(each["boxes"].shape == (len(each["scores"]), 4) and len(each["scores"]) <= 100 for each in found)


@pytest.mark.parametrize("kind", ["faster_rcnn", "retinanet", "fcos"])
@pytest.mark.parametrize("classes", [1, 2])
def test_each_detector_finds_all_classes_and_no_other(
    kind: DetectorKind, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_detector, "LEAST_SCORE", 0.0)  # initial weights give low scores
    monkeypatch.setattr(models_detector, "MOST_BOXES", 10_000)
    detector = detector_of(network_with_se("inner/4", "none"), kind=kind, classes=classes).eval()
    with torch.no_grad():
        found = detector([torch.rand(3, 64, 64)])
    assert set(found[0]["labels"].tolist()) == set(range(1, classes + 1))


@pytest.mark.parametrize("kind", ["faster_rcnn", "retinanet", "fcos"])
def test_each_detector_learns_the_label_of_its_target(kind: DetectorKind) -> None:
    detector = detector_of(network_with_se("inner/4", "none"), kind=kind, short_side=32, long_side=53)
    optimizer = torch.optim.Adam(detector.parameters(), 0.003)
    image, box = torch.rand(3, 32, 32), torch.tensor([[4.0, 4.0, 24.0, 26.0]])
    for _ in range(30):
        optimizer.zero_grad()
        sum(detector.train()([image], [{"boxes": box, "labels": torch.tensor([2])}]).values()).backward()
        optimizer.step()
    with torch.no_grad():
        found = detector.eval()([image])
    assert found[0]["labels"][0] == 2


def test_a_published_trunk_gets_the_published_levels() -> None:
    trunk = replace(network_with_se(*("inner/4",) * 4), stem=Stem.plain(width=8, stride=2))
    images = torch.rand(1, 3, 256, 256)
    for kind, strides in (("faster_rcnn", [4, 8, 16, 32, 64]), ("fcos", [8, 16, 32, 64, 128])):
        detector = detector_of(trunk, kind=kind, short_side=800, long_side=1333)
        maps = pyramid_of(detector).eval()(images)
        assert [256 // each.shape[2] for each in maps.values()] == strides


def test_a_small_trunk_gets_more_levels_by_strided_convolutions() -> None:
    maps = pyramid_of(detector_of(network_with_se("none", "inner/4"), short_side=128)).eval()(
        torch.rand(1, 3, 128, 128)
    )
    assert [128 // each.shape[2] for each in maps.values()] == [4, 8, 16, 32, 64]


def test_frozen_norms_keep_their_statistics_and_weights() -> None:
    for frozen in (True, False):
        pyramid = pyramid_of(detector_of(network_with_se("inner/4", "none"), frozen_norms=frozen))
        norms = [layer for layer in pyramid.trunk.modules() if isinstance(layer, nn.BatchNorm2d)]
        before = [norm.running_mean.clone() for norm in norms]  # type: ignore[union-attr]
        pyramid.train()(torch.rand(2, 3, 64, 64))
        same = [torch.equal(a, b.running_mean) for a, b in zip(before, norms, strict=True)]  # type: ignore[arg-type]
        assert set(same) == {frozen}
        assert {weight.requires_grad for norm in norms for weight in norm.parameters()} == {not frozen}


def test_the_trunk_keeps_the_weights_of_the_network() -> None:
    architecture = network_with_se("inner/4", "none", "inner/2")
    model = build_model(architecture, num_classes=2)
    trunk = pyramid_of(build_detector(model, architecture, SETTINGS)).trunk
    expected = model.state_dict()
    kept = trunk.layers.state_dict()
    assert kept
    assert all(torch.equal(value, expected[name]) for name, value in kept.items())


def test_images_that_are_too_small_for_the_trunk_are_refused() -> None:
    trunk = network_with_se(*("inner/4",) * 5)
    assert detector_of(trunk, short_side=64)
    with pytest.raises(InputError, match="--image-size 63: the trunk has maps of stride 32; expected at least 64"):
        detector_of(trunk, short_side=63)


def test_torchvision_warns_of_nothing() -> None:
    with warnings.catch_warnings(action="error"):
        detector_of(network_with_se("inner/4")).eval()([torch.rand(3, 64, 64)])
