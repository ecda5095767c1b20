from dataclasses import replace
from pathlib import Path

import pytest
import torch

from se_nas.data.decoding import Decoding
from se_nas.errors import InputError
from se_nas.training.checkpoint import write_tensors
from se_nas.training.trained import TrainedNetwork, described, load_trained, save_trained
from tests.fakes import network_with_se, trained_network

NETWORK = network_with_se("none", "inner/4")
CLASSES = ("cat", "dog", "<b>ox</b>")
FINE = {
    "architecture": NETWORK.to_dict(),
    "class_names": ["a"],
    "image_size": 8,
    "pixel_mean": [1.0, 1.0, 1.0],
    "pixel_deviation": [1.0, 1.0, 1.0],
}


@pytest.fixture
def trained() -> TrainedNetwork:
    return trained_network(NETWORK, class_names=CLASSES, image_size=16)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_a_network_is_loaded_as_it_was_saved(trained: TrainedNetwork, images: torch.Tensor, tmp_path: Path) -> None:
    save_trained(tmp_path, trained)

    loaded = load_trained(tmp_path)

    assert (loaded.architecture, loaded.class_names, loaded.image_size) == (NETWORK, CLASSES, 16)
    assert (loaded.pixel_mean, loaded.pixel_deviation) == (trained.pixel_mean, trained.pixel_deviation)
    assert torch.equal(loaded.build_model()(images), trained.build_model()(images))


@pytest.mark.parametrize("decoding", list(Decoding))
def test_a_network_keeps_how_its_images_were_decoded(
    trained: TrainedNetwork, tmp_path: Path, decoding: Decoding
) -> None:
    save_trained(tmp_path, replace(trained, decoding=decoding))
    assert load_trained(tmp_path).decoding is decoding


def test_a_network_of_an_earlier_version_was_trained_on_whole_images(trained: TrainedNetwork, tmp_path: Path) -> None:
    about = {name: value for name, value in described(trained).items() if name != "decoding"}
    write_tensors(tmp_path / "weights.safetensors", dict(trained.weights), about)
    assert load_trained(tmp_path).decoding is Decoding.WHOLE


def test_the_deployed_network_normalises_its_images_itself(trained: TrainedNetwork, images: torch.Tensor) -> None:
    mean, deviation = torch.tensor(trained.pixel_mean), torch.tensor(trained.pixel_deviation)
    normalised = (images * 255 - mean[:, None, None]) / deviation[:, None, None]

    torch.testing.assert_close(trained.build_deployed()(images), trained.build_model()(normalised))


def test_a_new_classifier_gets_the_same_features(trained: TrainedNetwork, images: torch.Tensor) -> None:
    features = trained.build_model(num_classes=0)(images)
    head = trained.build_model().get_submodule("head").get_submodule("classify")

    assert features.shape == (2, NETWORK.head_width)
    torch.testing.assert_close(head(features), trained.build_model()(images))
    assert trained.build_model(num_classes=7)(images).shape == (2, 7)


class TestBackbone:
    @pytest.mark.parametrize(
        ("indices", "channels", "reduction", "names"),
        [
            (None, [8, 8, 16], [1, 2, 4], ["stem", "stage1", "stage2"]),
            ((1, 2), [8, 16], [2, 4], ["stage1", "stage2"]),
            ((-1,), [16], [4], ["stage2"]),
            ((0,), [8], [1], ["stem"]),
        ],
    )
    def test_the_backbone_returns_the_maps_that_it_describes(
        self,
        trained: TrainedNetwork,
        images: torch.Tensor,
        indices: tuple[int, ...] | None,
        channels: list[int],
        reduction: list[int],
        names: list[str],
    ) -> None:
        backbone = trained.build_backbone(indices)

        maps = backbone(images)

        info = backbone.feature_info
        assert (info.channels(), info.reduction(), info.module_name()) == (channels, reduction, names)
        assert info.get_dicts(["num_chs"]) == [{"num_chs": width} for width in channels]
        assert (len(info), info[-1]) == (len(names), info.get_dicts()[-1])
        assert [tuple(each.shape) for each in maps] == [
            (2, width, 16 // stride, 16 // stride) for width, stride in zip(channels, reduction, strict=True)
        ]

    def test_the_last_map_of_the_backbone_is_the_heads_input(
        self, trained: TrainedNetwork, images: torch.Tensor
    ) -> None:
        last = trained.build_backbone()(images)[-1]

        torch.testing.assert_close(last.mean((2, 3)), trained.build_model(num_classes=0)(images))

    def test_an_index_without_a_map_is_refused(self, trained: TrainedNetwork) -> None:
        with pytest.raises(InputError, match=r"out_indices \[3\]: expected indices of 3 maps: stem, stage1, stage2"):
            trained.build_backbone((3,))


@pytest.mark.parametrize(
    ("about", "complaint"),
    [
        ({"format": "se-nas weights 1"}, "written as 'se-nas weights 1', but 'se-nas weights 3' is needed"),
        ({"format": "se-nas weights 3"}, "its description is damaged"),
        (
            {"format": "se-nas weights 3", **FINE, "architecture": {"stages": []}},
            r"stages: expected at least 1",
        ),
        (
            {"format": "se-nas weights 3", **FINE},
            "not the weights of its network",
        ),
        ({"format": "se-nas weights 3", **FINE, "pixel_mean": [1.0]}, "its description is damaged .pixel_mean"),
        ({"format": "se-nas weights 3", **FINE, "pixel_deviation": [1.0, 0.0, 1.0]}, "is damaged .pixel_deviation.1"),
        ({"format": "se-nas weights 3", **FINE, "image_size": 0}, "its description is damaged .image_size"),
    ],
)
def test_a_file_that_does_not_describe_a_network_is_refused(
    tmp_path: Path, about: dict[str, object], complaint: str
) -> None:
    write_tensors(tmp_path / "weights.safetensors", {"weight": torch.ones(1)}, about)

    with pytest.raises(InputError, match=complaint):
        load_trained(tmp_path)
