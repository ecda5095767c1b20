import pytest

from se_nas.errors import InputError
from se_nas.space.decisions import Categorical
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.placements import without_se
from se_nas.space.published import PUBLISHED

THREE_LINES = """image_size: 224
trunk: regnet_y_400mf
se: {present: [false, true]}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "file.yaml"
        path.write_text(text)
        return path

    return write


def test_a_space_on_a_published_trunk_takes_three_lines(written):
    space = load_design_space(written(THREE_LINES))
    published = PUBLISHED["regnet_y_400mf"].build()

    assert list(space.decisions) == ["stage1.se", "stage2.se", "stage3.se", "stage4.se"]
    assert space.decode(dict.fromkeys(space.decisions, True)) == published
    assert space.decode(dict.fromkeys(space.decisions, False)) == without_se(published)
    assert space.size().count == 16


def test_a_stage_of_the_trunk_has_keys_of_its_own(written):
    by_stage = "se_by_stage: [{}, {reduction: [2, 8]}, {site: post}, {present: true}]\n"

    space = load_design_space(written(THREE_LINES + by_stage))

    assert list(space.decisions) == ["stage1.se", "stage2.se", "stage2.reduction", "stage3.se"]
    everywhere = {"stage1.se": True, "stage2.se": True, "stage2.reduction": 8, "stage3.se": True}
    assert space.decode(everywhere).se_tokens == ("inner/4", "inner/8", "post/4", "inner/4")


def test_se_is_decided_for_each_block(written):
    space = load_design_space(written(THREE_LINES.replace("{present", "{decide: block, present")))
    every = {name: name == "stage3.block2.se" for name in space.decisions}

    assert len(space.decisions) == 1 + 3 + 6 + 6
    assert space.decode(every).se_tokens == ("none", "none", "none,inner/4,none,none,none,none", "none")


@pytest.mark.parametrize("depth", [1, 3])
def test_blocks_that_a_network_lacks_decide_nothing(written, depth):
    text = """image_size: 8
stem: {width: 8, stride: 1}
stages: [{depth: [1, 3], width: 8, stride: 1, group_width: 8, se: {decide: block, present: [false, true]}}]
"""
    space = load_design_space(written(text))
    every = {"stage1.depth": depth, "stage1.block1.se": False, "stage1.block2.se": True, "stage1.block3.se": True}

    assert space.decode(every).se_tokens == (("none",) if depth == 1 else ("none,inner/4,inner/4",))
    assert space.size().count == 2 + 8


def test_an_architecture_file_names_a_published_network(written):
    network = load_architecture(written("trunk: regnety_002\n"))

    assert network == PUBLISHED["regnety_002"].build()


@pytest.mark.parametrize(
    ("se", "tokens"),
    [
        ("false", ("none",) * 4),
        ("true", ("inner/4",) * 4),
        ("standard/16 of site floor", ("standard/16 of site floor",) * 4),
        ("[none, inner/8, none, true]", ("none", "inner/8", "none", "inner/4")),
    ],
)
def test_an_architecture_file_gives_a_published_network_another_se(written, se, tokens):
    network = load_architecture(written(f"trunk: regnety_002\nse: {se}\n"))

    assert network.se_tokens == tokens
    assert without_se(network) == without_se(PUBLISHED["regnety_002"].build())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "trunk: regnet_y_40mf\n",
            r":1: trunk: no published network is called 'regnet_y_40mf'; did you mean regnet_y_4",
        ),
        ("trunk: 50\n", ":1: trunk: expected a text, but got 50"),
        ("trunk: regnety_002\nse: outer/4\n", r":2: se: an attention is .*sites: inner, standard, pre,.*'outer/4'"),
        ("trunk: regnety_002\nse: post/999\n", ":2: se: stage 1, block 1: .* 999 leaves no channel of the 32 that"),
        ("trunk: zz\n", r":1: trunk: no published network is called 'zz'; \d+ are known, for example regnetx_002, "),
        ("trunk: regnety_002\nse: [none]\n", ":2: se: expected one token or 4, but got 1"),
        (
            "trunk: regnety_002\nstem: {width: 8}\n",
            ":2: stem: a network with `trunk` has the `stem` of the published",
        ),
        ("stages: [{depth: 1, width: 8, stride: 1, group_width: 8}]\nse: none\n", ":2: se: belongs to a network with"),
    ],
)
def test_the_error_for_a_wrong_architecture_names_the_line(written, text, message):
    with pytest.raises(InputError, match=message):
        load_architecture(written(text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("regnet_y_400mf", "regnety400", ":2: trunk: no published network is called 'regnety400'"),
        ("se: {", "stem: {width: 8, stride: 1}\nse: {", ":3: stem: belongs to another kind of trunk, .* `trunk`"),
        ("se: {", "rules: {}\nse: {", ":3: rules: belongs to another kind of trunk"),
        ("se: {", "se: {site: outer, ", ":3: se.site: expected one of inner, standard"),
        ("se: {", "se: {reduction: 0.5, ", ":3: se.reduction: expected a number of at least 1, but got 0.5"),
        ("se: {", "se: {decide: channel, ", ":3: se.decide: expected 'stage' or 'block', but got the text 'channel'"),
        ("se: {", "se: {colour: red, ", ":3: se.colour: unknown key"),
        ("se: {", "se_by_stage: [{}]\nse: {", ":3: se_by_stage: expected 4 entries"),
        ("trunk: regnet_y_400mf", "stages: []", ":2: stages: expected at least 1 entry"),
    ],
)
def test_the_error_for_a_wrong_space_names_the_line(written, old, new, message):
    assert THREE_LINES.count(old) == 1

    with pytest.raises(InputError, match=message):
        load_design_space(written(THREE_LINES.replace(old, new)))


def test_image_sizes_are_a_decision(written):
    space = load_design_space(written(THREE_LINES.replace("224", "[160, 192, 224]")))
    no_se = dict.fromkeys(list(space.decisions)[1:], False)

    assert space.decisions["image_size"] == Categorical((160, 192, 224))
    assert space.image_size == 224
    assert {space.decode({**no_se, "image_size": size}).image_size for size in (160, 224)} == {160, 224}
    assert space.size().count == 3 * 16
