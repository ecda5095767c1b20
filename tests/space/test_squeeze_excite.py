import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import Gate, Reference, Rounding, SqueezeExciteSpec
from se_nas.space.attention.tokens import format_token, parse_token
from se_nas.space.families.regnet import REGNETY, Site
from se_nas.space.widths import round_width

ratios = st.floats(min_value=1, max_value=1e6) | st.integers(1, 1024)
specs = st.builds(
    SqueezeExciteSpec,
    site=st.sampled_from(Site),
    reduction=ratios,
    of=st.sampled_from(Reference),
    rounding=st.sampled_from(Rounding),
    activation=st.sampled_from(Activation),
    gate=st.sampled_from(Gate),
    bias=st.booleans(),
)
reproducibly = settings(derandomize=True, deadline=None)


@reproducibly
@given(st.none() | specs)
def test_a_token_is_read_back_as_it_was_written(spec):
    assert parse_token(format_token(spec)) == spec


def test_tokens_are_short():
    assert format_token(None) == "none"
    assert format_token(REGNETY) == "inner/4"
    assert format_token(SqueezeExciteSpec(site="inner", reduction=4.0)) == "inner/4"
    spec = SqueezeExciteSpec(site=Site.STANDARD, reduction=2.5, of=Reference.SITE)
    assert format_token(spec) == "standard/2.5 of site"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "inner",
        "inner/",
        "inner/x",
        "inner/0",
        "inner/-2",
        "inner/nan",
        "inner/inf",
        "outer/4",
        "inner/4 of x",
        "inner/4 round",
        "inner/4 silu floor",
    ],
)
def test_the_error_for_a_wrong_token_quotes_it_and_shows_the_right_form(token):
    with pytest.raises(ValueError, match="SITE/RATIO") as caught:
        parse_token(token, sites=tuple(Site))

    assert repr(token) in str(caught.value)


@reproducibly
@given(st.integers(0, 4096), st.integers(1, 256))
def test_a_width_rounds_to_the_nearest_with_halves_up(width, ratio):
    exact = Fraction(width, ratio)

    rounded = round_width(width / ratio)

    assert rounded == math.floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(("width", "expected"), [(0.2, 0), (0.5, 1), (1.5, 2), (2.5, 3), (12.49, 12)])
def test_halves_round_up(width, expected):
    assert round_width(width) == expected


@pytest.mark.parametrize("site", Site)
def test_the_block_input_is_the_reference_of_regnet(site):
    spec = SqueezeExciteSpec(site=site, reduction=4)

    # RegNetY-400MF, first block of stage 2: 48 channels in, 104 at the 3×3.
    assert spec.hidden_width(block_width_in=48, site_width=104) == 12


@pytest.mark.parametrize(("channels", "hidden"), [(64, 4), (256, 16), (512, 32), (1024, 64), (2048, 128)])
def test_senet_divides_the_width_at_the_site_by_sixteen(channels, hidden):
    # SENet, arXiv 1709.01507, table 1: "fc, [16, 256]" to "fc, [128, 2048]" in SE-ResNet-50.
    spec = SqueezeExciteSpec(site=Site.STANDARD, reduction=16, of=Reference.SITE)

    assert spec.hidden_width(block_width_in=7, site_width=channels) == hidden


@pytest.mark.parametrize("reduction", [0, -4, math.inf, math.nan])
def test_the_error_for_a_wrong_ratio_shows_its_value(reduction):
    with pytest.raises(ValueError, match=f"ratio must be .* but got {reduction}"):
        SqueezeExciteSpec(site="inner", reduction=reduction)


@pytest.mark.parametrize(
    ("rounding", "width", "hidden"),
    [
        (Rounding.NEAREST, 26, 7),
        (Rounding.FLOOR, 26, 6),
        (Rounding.FLOOR, 7, 1),
        (Rounding.EIGHTS, 64, 16),
        (Rounding.EIGHTS, 8, 8),
        (Rounding.EIGHTS_09, 72, 24),  # MobileNetV3-Large, the first SE: torchvision has 24
        (Rounding.EIGHTS_09, 120, 32),
        (Rounding.EIGHTS_095, 92, 24),
        (Rounding.EIGHTS_095, 104, 32),  # 26 rounds to 24, which is below 0.95 * 26
    ],
)
def test_each_source_rounds_the_hidden_width_in_its_own_way(rounding, width, hidden):
    spec = SqueezeExciteSpec(site="inner", reduction=4, rounding=rounding)

    assert spec.hidden_width(block_width_in=width, site_width=7) == hidden
