"""EfficientNet's compound scaling, in search spaces and in the files of single networks."""

from random import Random

import pytest
import yaml

from se_nas.errors import InputError
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.published.efficientnets import COEFFICIENTS, EFFICIENTNETS
from se_nas.space.trunks.efficientnet import efficientnet, scaled_image_size

SPACE = "image_size: 224\nefficientnet: {phi: {from: -2, to: 2}, se: {present: [false, true]}}\n"


def space_of(tmp_path, text):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return load_design_space(path)


def network_of(tmp_path, text):
    path = tmp_path / "network.yaml"
    path.write_text(text)
    return load_architecture(path)


@pytest.mark.parametrize("name", ["b0", "b1", "b2", "b4", "b7"])
def test_multipliers_in_a_file_give_the_published_network(tmp_path, name):
    width, depth, _ = COEFFICIENTS[name]

    network = network_of(tmp_path, f"efficientnet: {{width: {width}, depth: {depth}, se: true}}")

    expected = EFFICIENTNETS[f"efficientnet_{name}"].build()
    assert (network.stem, network.stages, network.tail) == (expected.stem, expected.stages, expected.tail)


def test_phi_raises_depth_and_width_by_the_papers_bases(tmp_path):
    by_phi = network_of(tmp_path, "efficientnet: {phi: 2}")
    by_bases = network_of(tmp_path, "efficientnet: {phi: 1, alpha: 1.44, beta: 1.21}")

    assert by_phi == by_bases == efficientnet(width=1.1**2, depth=1.2**2)
    assert network_of(tmp_path, "efficientnet: {phi: 0}") == efficientnet()


def test_phi_scales_the_image_by_gamma(tmp_path):
    space = space_of(tmp_path, SPACE.replace("{phi: {from: -2, to: 2}", "{phi: [0, 1], gamma: 1.15"))
    no_se = {name: False for name in space.decisions if name != "phi"}
    sizes = {phi: space.decode({"phi": phi, **no_se}).image_size for phi in (0, 1)}

    assert sizes == {0: 224, 1: scaled_image_size(224, phi=1)}
    assert space.image_size == sizes[1] == round(224 * 1.15)


@pytest.mark.parametrize("keys", ["phi: [0, 1]", "width: [0.5, 1], depth: 1"])
def test_without_gamma_images_keep_the_size_of_the_space(tmp_path, keys):
    space = space_of(tmp_path, f"image_size: 224\nefficientnet: {{{keys}, se: {{present: false}}}}\n")
    (name,) = space.decisions

    assert space.decode({name: 1}).image_size is None
    assert space.image_size == 224


def test_an_image_size_cannot_be_scaled_and_decided(tmp_path):
    with pytest.raises(InputError, match=":1: image_size: with `gamma` the image size follows phi"):
        space_of(tmp_path, "image_size: [160, 224]\nefficientnet: {phi: [0, 1], gamma: 1.15}\n")


@pytest.mark.parametrize(
    "keys",
    [
        "phi: {from: -3, to: 3}",
        "phi: [-1, 0, 0.5, 3]",
        "width: {from: 0.25, to: 2.0}, depth: {from: 0.3, to: 3.1}",
        "depth: [0.5, 1, 2], strides: [1, 1, [1, 2], 2, 2, 2]",
    ],
)
def test_every_sample_keeps_the_bounds_of_its_trunk(tmp_path, keys):
    space = space_of(tmp_path, f"image_size: 64\nefficientnet: {{{keys}, se: {{present: false}}}}\n")
    rng = Random(0)

    networks = [space.decode(space.sample(rng)) for _ in range(400)]

    assert len({network.fingerprint() for network in networks}) <= space.size().count
    for network in networks:
        depths = [stage.depth for stage in network.stages]
        assert all(depth <= most for depth, most in zip(depths, space.trunk.most_blocks(), strict=True))
        assert all(segment.width % 8 == 0 for stage in network.stages for segment in stage.segments)
        assert network.stem.width % 8 == network.tail.conv % 8 == 0


def test_the_size_of_a_space_with_a_real_range_is_an_upper_bound(tmp_path):
    space = space_of(tmp_path, SPACE)

    assert not space.size().exact
    assert space.size().count >= 2**5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("efficientnet: {phi: 1, width: 1.1}", "exclude each other"),
        ("efficientnet: {alpha: 1.3, width: 1.1}", "`alpha` needs `phi`"),
        ("efficientnet: {strides: [2, 1, 2, 2, 2, 2]}", "`phi` is needed"),
        ("efficientnet: {phi: 1, strides: [2, 1, 2]}", "expected 6 strides"),
        ("efficientnet: {phi: 11}", "10"),
        ("efficientnet: {width: 0}", "0.05"),
        ("efficientnet: {phi: 1}\nstem: {width: 16, stride: 2}", "stem"),
        ("efficientnet: {phi: 1}\ntail: {conv: 640}", "tail"),
    ],
)
@pytest.mark.parametrize("read", [space_of, network_of])
def test_keys_that_do_not_fit_are_refused_in_one_line(tmp_path, read, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text if read is network_of else f"image_size: 32\n{text}")

    assert "\n" not in str(caught.value)


def test_a_sample_survives_its_file(tmp_path):
    space = space_of(tmp_path, SPACE)
    network = space.decode(space.sample(Random(3)))
    path = tmp_path / "written.yaml"
    path.write_text(yaml.safe_dump(network.to_dict()))

    assert load_architecture(path) == network
