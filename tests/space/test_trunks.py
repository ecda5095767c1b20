from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from se_nas.space.decisions import Categorical, FloatRange, IntRange
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.trunks.regnet import RegNetTrunk
from se_nas.space.trunks.stage_by_stage import AnyNetSegment, AnyNetStage, AnyNetTrunk
from se_nas.space.trunks.trunk import Ends, StemChoices

ENDS = Ends(stem=StemChoices(width=16, stride=1))

reproducibly = settings(derandomize=True, deadline=None)


def free_stage(**fixed):
    choices = {
        "family": RegNetBlock,
        "depth": IntRange(1, 3),
        "width": IntRange(8, 40, 8),
        "stride": Categorical((1, 2)),
        "properties": {"group_width": Categorical((8, 16)), "bottleneck": 1},
    }
    return AnyNetStage(segments=(AnyNetSegment(**{**choices, **fixed}),))


def regnet_trunk(**fixed):
    # RegNetY-400MF, arXiv 2003.13678, table 6.
    law = {"depth": 16, "w0": 48, "wa": 27.89, "wm": 2.09, "group_width": 8, "bottleneck": 1, "strides": (2,) * 4}
    return RegNetTrunk(ends=ENDS, **{**law, **fixed})


def anynet_assignments(trunk):
    open_settings = {name: setting for name, setting, _ in trunk.settings() if not isinstance(setting, int)}
    return st.fixed_dictionaries({name: st.sampled_from(list(s.values())) for name, s in open_settings.items()})


FREE = AnyNetTrunk(ends=ENDS, choices=(free_stage(), free_stage(), free_stage()))


@reproducibly
@given(anynet_assignments(FREE))
def test_an_anynet_has_the_decided_stages_with_widths_fitted_to_their_groups(assignment):
    stages = FREE.network(assignment).stages

    for number, (stage,) in enumerate((stage.segments for stage in stages), start=1):
        assert stage.depth == assignment[f"stage{number}.depth"]
        assert stage.stride == assignment[f"stage{number}.stride"]
        group_width = min(assignment[f"stage{number}.group_width"], assignment[f"stage{number}.width"])
        assert stage.block.group_width == group_width
        assert stage.width % group_width == 0
        assert 2 * abs(stage.width - assignment[f"stage{number}.width"]) <= group_width


@reproducibly
@given(anynet_assignments(FREE), st.sampled_from(["width", "depth"]))
def test_a_non_decreasing_rule_refuses_exactly_decreasing_values(assignment, what):
    ruled = AnyNetTrunk(ends=ENDS, choices=FREE.choices, **{f"{what}s_non_decreasing": True})
    values = [getattr(stage.segments[0], what) for stage in FREE.network(assignment).stages]

    if values == sorted(values):
        assert ruled.network(assignment).stages == FREE.network(assignment).stages
    else:
        with pytest.raises(ValueError, match=f"{what}s must not decrease, but got .{values[0]}, {values[1]}"):
            ruled.network(assignment)


def test_the_regnet_rule_decides_widths_and_depths():
    stages = regnet_trunk(depth=IntRange(12, 20)).network({"depth": 16}).stages

    assert [stage.segments[0].width for stage in stages] == [48, 104, 208, 440]
    assert [stage.depth for stage in stages] == [1, 3, 6, 6]


def test_the_error_for_a_wrong_number_of_stages_shows_both_numbers():
    with pytest.raises(ValueError, match="must give 3 stages, but these parameters give 4"):
        regnet_trunk(strides=(2,) * 3).network({})


def test_properties_are_named_stage_by_stage():
    stem = ["stem.width", "stem.stride"]
    anynet = [f"stage1.{name}" for name in ("depth", "width", "stride", "group_width", "bottleneck")]
    law = ["depth", "w0", "wa", "wm", "group_width", "bottleneck"]

    assert [each.name for each in AnyNetTrunk(ends=ENDS, choices=(free_stage(),)).settings()] == [*stem, *anynet]
    assert [each.name for each in regnet_trunk().settings()] == [
        *stem,
        *law,
        *(f"stage{n}.stride" for n in range(1, 5)),
    ]


def test_the_bound_of_an_anynet_is_the_product_of_its_choices():
    assert AnyNetTrunk(ends=ENDS, choices=(free_stage(), free_stage(depth=2))).size_bound() == (3 * 5 * 2 * 2) * (
        5 * 2 * 2
    )


def grid(low, high, count):
    return [low + (high - low) * step / count for step in range(count + 1)]


@pytest.mark.parametrize(
    ("depths", "w0s", "slopes", "multipliers", "stage_count"),
    [
        pytest.param((2, 12), (8, 48), (0.0, 40.0), (1.5, 3.0), 3, id="everything varies"),
        pytest.param((40, 40), (8, 8), (0.3, 0.6), (1.5, 2.1), 3, id="depths vary most"),
        pytest.param((2, 2), (8, 8), (0.0, 16.0), (1.5, 9.0), 2, id="widths vary most"),
    ],
)
def test_the_bound_of_a_regnet_trunk_is_at_least_the_number_of_its_trunks(
    depths, w0s, slopes, multipliers, stage_count
):
    trunk = regnet_trunk(
        depth=IntRange(*depths),
        w0=IntRange(*w0s, 8),
        wa=FloatRange(*slopes),
        wm=FloatRange(*multipliers),
        strides=(2,) * stage_count,
    )
    found = set()
    laws = product(trunk.depth.values(), trunk.w0.values(), grid(*slopes, 20), grid(*multipliers, 20))
    for depth, w0, wa, wm in laws:
        try:
            found.add(trunk.network({"depth": depth, "w0": w0, "wa": wa, "wm": wm}))
        except ValueError:
            continue

    assert 0 < len(found) <= trunk.size_bound()
