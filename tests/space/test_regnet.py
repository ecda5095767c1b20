import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from se_nas.space.families.regnet import fit_group_width
from se_nas.space.trunks.regnet import QUANTUM, stage_widths_and_depths

reproducibly = settings(derandomize=True, deadline=None)
laws = st.fixed_dictionaries(
    {
        "depth": st.integers(1, 64),
        "w0": st.integers(1, 32).map(lambda n: n * QUANTUM),
        "wa": st.floats(0, 256),
        "wm": st.floats(1.05, 4),
    }
)


def pycls_fit(width, multiplier, group_width):
    """`adjust_block_compatibility` of facebookresearch/pycls@5719de6, pycls/models/blocks.py, for one stage."""
    inner = int(max(1, width * multiplier))
    group = int(min(group_width, inner))
    multiple = math.lcm(group, int(multiplier)) if multiplier > 1 else group
    inner = max(multiple, int(round(inner / multiple) * multiple))
    return int(inner / multiplier), group


def test_the_regnet_rule_and_the_group_fit_give_all_24_published_trunks(published):
    assert len(published) == 24
    for network in published:
        law = {name: network[name] for name in ("depth", "w0", "wa", "wm")}

        widths, depths = zip(*stage_widths_and_depths(**law), strict=True)
        fitted = [fit_group_width(w, group_width=network["group_width"], bottleneck=1)[0] for w in widths]

        assert (fitted, list(depths)) == (network["stage_widths"], network["stage_depths"]), network["name"]


@reproducibly
@given(laws)
def test_widths_start_at_w0_and_rise_on_the_grid_while_depths_add_up(law):
    widths, depths = zip(*stage_widths_and_depths(**law), strict=True)

    assert widths[0] == law["w0"]
    assert all(width % QUANTUM == 0 for width in widths)
    assert all(early < late for early, late in pairwise(widths))
    assert sum(depths) == law["depth"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 0),
        ("w0", 0),
        ("w0", 4),
        ("w0", 25),
        ("wa", -1.0),
        ("wa", math.inf),
        ("wa", math.nan),
        ("wm", 1.0),
        ("wm", math.inf),
        ("wm", math.nan),
    ],
)
def test_the_error_for_wrong_parameters_states_the_rule(name, value):
    law = {"depth": 16, "w0": 48, "wa": 27.89, "wm": 2.09, name: value}

    with pytest.raises(ValueError, match=rf"must hold, but got .*{name}={value}"):
        stage_widths_and_depths(**law)


@reproducibly
@given(st.integers(1, 4000), st.integers(1, 256), st.sampled_from([0.125, 0.25, 0.5, 1, 2, 4, 8]))
def test_the_fit_equals_that_of_pycls(width, group_width, bottleneck):
    fitted, block = fit_group_width(width, group_width=group_width, bottleneck=bottleneck)

    assert (fitted, block.group_width) == pycls_fit(width, 1 / bottleneck, group_width)


@reproducibly
@given(
    st.integers(1, 4000),
    st.integers(1, 256),
    st.integers(1, 8).flatmap(lambda n: st.sampled_from([n, 1 / n])),
)
def test_the_groups_divide_a_fitted_width_and_fitting_it_again_changes_nothing(width, group_width, bottleneck):
    fitted, block = fit_group_width(width, group_width=group_width, bottleneck=bottleneck)

    block.check(width=fitted, stride=1)
    assert fit_group_width(fitted, group_width=group_width, bottleneck=bottleneck) == (fitted, block)


@pytest.mark.parametrize("bottleneck", [1.5, 0.4])
def test_a_bottleneck_is_a_whole_number_or_one_over_a_whole_number(bottleneck):
    with pytest.raises(ValueError, match=f"one over a whole number, but got {bottleneck}"):
        fit_group_width(64, group_width=8, bottleneck=bottleneck)
