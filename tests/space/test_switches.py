from pathlib import Path
from random import Random

import pytest

from se_nas.errors import InputError
from se_nas.shipped_files import shipped
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space, parse_design_space
from se_nas.space.placements import without_se
from se_nas.space.switches import find_switches, has_one_trunk, switches_of_space
from se_nas.space.yaml_file import parse_yaml
from tests.made_up import second_members

SPACE = """\
# Question: for tests.
name: switched
image_size: 8
stem: {{width: 8, stride: 1}}
every_stage: {{depth: 2, group_width: 8, {kind}: {se}}}
stages:
  - {{width: {width}, stride: 2}}
  - {{width: 24, stride: 2}}
"""


def space_of(se: str, *, width: str = "16", kind: str = "se") -> DesignSpace:
    text = SPACE.format(se=se, width=width, kind=kind)
    return parse_design_space(parse_yaml(Path("switched.yaml"), text.encode()))


def test_each_stage_has_a_switch_with_no_se_and_each_width() -> None:
    space = space_of("{present: [false, true], reduction: [2, 4]}")

    board = find_switches(space, space.decode(space.sample(Random(0))))

    assert [switch.name for switch in board.switches] == ["stage1", "stage2"]
    assert [[option.widths for option in switch.options] for switch in board.switches] == [
        [(0, 0), (2, 4), (4, 8)],
        [(0, 0), (4, 6), (8, 12)],
    ]
    assert board.count == 9


def test_each_block_has_a_switch_if_se_is_decided_by_block() -> None:
    space = space_of("{decide: block, present: [false, true]}")

    board = find_switches(space, space.decode(space.sample(Random(0))))

    assert [(switch.name, switch.blocks) for switch in board.switches] == [
        ("stage1.block1", (0,)),
        ("stage1.block2", (1,)),
        ("stage2.block1", (0,)),
        ("stage2.block2", (1,)),
    ]


def test_se_that_is_always_there_can_only_change_its_width() -> None:
    space = space_of("{present: true, reduction: [2, 8]}")

    board = find_switches(space, space.decode(space.sample(Random(0))))

    assert not any(switch.can_be_off for switch in board.switches)
    assert board.count == 4


@pytest.mark.parametrize("name", ["se_only", "small", "resnext_small", "mobilenet_v3_small", "xception_small"])
def test_every_network_of_a_trunk_is_a_placement_and_the_other_way_round(name: str) -> None:
    space = load_design_space(shipped("search_spaces", f"{name}.yaml"))
    for seed in range(3):
        found = space.decode(space.sample(Random(seed)))
        board = find_switches(space, found)
        rng = Random(seed)
        drawn = tuple(rng.randrange(len(switch.options)) for switch in board.switches)
        for placement in [board.narrowest, board.widest, drawn]:
            assert board.placement_of(board.network(placement)) == placement
        assert board.placement_of(without_se(found)) == board.narrowest
        if not board.notes:
            assert board.placement_of(found) is not None


def test_a_network_with_another_trunk_is_no_placement() -> None:
    space = space_of("{present: [false, true]}", width="[16, 24]")
    drawn = [space.decode(space.sample(Random(seed))) for seed in range(50)]
    narrow, wide = (
        next(network for network in drawn if network.stages[0].segments[0].width == width) for width in (16, 24)
    )

    assert find_switches(space, narrow).placement_of(wide) is None
    assert not has_one_trunk(space)
    assert has_one_trunk(space_of("{present: [false, true]}"))


def test_a_decision_on_the_site_keeps_the_site_of_the_network_and_says_so() -> None:
    space = space_of("{present: [false, true], site: [inner, post]}")
    found = next(
        network
        for network in (space.decode(space.sample(Random(seed))) for seed in range(50))
        if [stage.se[0] and stage.se[0].site for stage in network.stages] == ["post", "inner"]
    )

    board = find_switches(space, found)

    assert board.placement_of(found) == board.widest
    (note,) = board.notes
    assert (
        note == "a supernet shares SE of one site in each stage: stage1 at post, not inner; stage2 at inner, not post"
    )


def test_a_space_without_a_named_network_has_one_site_for_all_stages() -> None:
    for sites in ("[inner, post]", "[post, inner]"):
        board = switches_of_space(space_of(f"{{present: [false, true], site: {sites}}}"))

        first = sites[1:].split(",")[0]
        widest = board.network(board.widest)
        assert {spec.site for stage in widest.stages for spec in stage.se if spec is not None} == {first}


@pytest.mark.parametrize(
    ("se", "message"),
    [
        ("{present: true, reduction: 4}", "leaves no SE open"),
        ("{present: false}", "leaves no SE open"),
    ],
)
def test_what_a_supernet_cannot_switch_gets_one_line(se: str, message: str) -> None:
    space = space_of(se)

    with pytest.raises(InputError, match=message) as error:
        find_switches(space, space.decode(space.sample(Random(0))))

    assert "\n" not in str(error.value)


def test_another_kind_of_attention_can_be_switched_but_not_made_narrower() -> None:
    with second_members():
        one = space_of("{present: [false, true], site: post, span: 3}", kind="eca")
        two = space_of("{present: [false, true], site: post, span: [3, 5]}", kind="eca")

        board = find_switches(one, one.decode(one.sample(Random(0))))
        assert [len(switch.options) for switch in board.switches] == [2, 2]
        with pytest.raises(InputError, match=r"stage1 .* which a supernet cannot share"):
            find_switches(two, two.decode(two.sample(Random(0))))


@pytest.mark.parametrize("name", ["se_only", "small", "resnext_small", "mobilenet_v3_imagenet", "xception_small"])
def test_the_decisions_of_a_placement_are_found_again(name: str) -> None:
    space = load_design_space(shipped("search_spaces", f"{name}.yaml"))
    for seed in range(4):
        assignment = space.sample(Random(seed))
        network = space.decode(assignment)

        encoded = {}
        for stage, choices, own in zip(space.trunk.stage_names, space.se, network.stages, strict=True):
            encoded |= choices.encode(stage, own.se)

        kept = {decision: encoded.get(decision, value) for decision, value in assignment.items()}
        assert space.decode(kept).fingerprint() == network.fingerprint()
