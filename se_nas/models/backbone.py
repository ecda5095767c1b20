"""A network's feature maps, in the form of timm's `features_only` (huggingface/pytorch-image-models, _features.py).

Detection and segmentation code that reads channels and strides from a timm backbone works with these backbones too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.parts.own_trunk import OwnTrunk


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """The properties of each feature map: its channels, its stride (the image's side over the map's side) and the name
    of the module that computes it."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    strides: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, int | str]:
        return self.get_dicts()[index]

    def get_dicts(self, keys: Sequence[str] | None = None) -> list[dict[str, int | str]]:
        """The `num_chs`, `reduction` and `module` of each map, or only the values that `keys` name."""
        maps = zip(self.widths, self.strides, self.names, strict=True)
        every: list[dict[str, int | str]] = [{"num_chs": w, "reduction": s, "module": n} for w, s, n in maps]
        return every if keys is None else [{key: one[key] for key in keys} for one in every]

    def channels(self) -> list[int]:
        """The number of channels of each map."""
        return list(self.widths)

    def reduction(self) -> list[int]:
        """The stride of each map: the image's side over the map's side."""
        return list(self.strides)

    def module_name(self) -> list[str]:
        """The name of the module that computes each map."""
        return list(self.names)


class Backbone(nn.Module):
    """Stem and stages: normalised (N, 3, H, W) -> maps (N, channels, ceil(H / reduction), ceil(W / reduction))."""

    def __init__(self, layers: nn.Sequential, feature_info: FeatureInfo) -> None:
        super().__init__()
        self.layers = layers
        self.feature_info = feature_info

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the maps of images (N, 3, H, W), the largest map first."""
        maps, features = [], images
        for name, layer in self.layers.named_children():
            features = layer(features)
            if name in self.feature_info.names:
                maps.append(features)
        return maps


def as_backbone(model: nn.Module, architecture: Architecture, out_indices: Sequence[int] | None = None) -> Backbone:
    """The same modules without the head. `out_indices` selects the maps: 0 is the stem's map, 1 is the first stage's,
    -1 is the last. Without it, all maps are selected. InputError if a map does not exist."""
    if isinstance(architecture.stem, OwnTrunk):
        raise InputError("a network of your own has no stages whose maps are known; take its features in your own code")
    layers = nn.Sequential()
    names, widths, strides = ["stem"], [architecture.stem.width], [architecture.stem.stride]
    for number, (stage, blocks) in enumerate(zip(architecture.stages, architecture.blocks(), strict=True), start=1):
        names.append(f"stage{number}")
        widths.append(blocks[-1].width_out)
        strides.append(strides[-1] * stage.stride)
    wanted = range(len(names)) if out_indices is None else out_indices
    if not all(-len(names) <= index < len(names) for index in wanted):
        raise InputError(f"out_indices {list(wanted)}: expected indices of {len(names)} maps: {', '.join(names)}")
    places = sorted({index % len(names) for index in wanted})
    for name in names[: max(places, default=-1) + 1]:
        layers.add_module(name, model.get_submodule(name))
    info = FeatureInfo(
        tuple(names[place] for place in places),
        tuple(widths[place] for place in places),
        tuple(strides[place] for place in places),
    )
    return Backbone(layers, info)
