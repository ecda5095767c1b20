from itertools import product
from random import Random

import pytest

from se_nas.errors import InputError
from se_nas.space import design_space
from se_nas.space.decisions import Role
from se_nas.space.files.loading import load_design_space
from tests.space.conftest import ROOT, TINY

LAW = """
image_size: 32
stem: {width: 8, stride: 1}
regnet:
  depth: {from: 4, to: 9}
  w0: {from: 8, to: 32, step: 8}
  wa: [4.0, 8.0, 16.0, 24.0]
  wm: [1.5, 2.0, 2.5, 3.0]
  group_width: [4, 8]
  stages: 3
  strides: [1, 2, 2]
  se: {present: false}
"""


@pytest.fixture
def space(shipped):
    return load_design_space(shipped)


@pytest.fixture
def tiny(write):
    return load_design_space(write(TINY))


def samples(space, count):
    rng = Random(1)
    return [space.sample(rng) for _ in range(count)]


def fingerprints(space, assignments):
    return {space.decode(assignment).fingerprint() for assignment in assignments}


def test_every_sample_satisfies_the_rules_and_decodes_to_a_network_of_the_space(space):
    for assignment in samples(space, 50):
        architecture = space.decode(assignment)

        assert space.check(assignment) is None
        assert assignment.keys() == space.decisions.keys()
        assert len(architecture.stages) == len(space.trunk.most_blocks())


def test_equal_seeds_draw_equal_samples(space):
    assert samples(space, 5) == samples(space, 5)


def test_an_assignment_decides_every_part_of_the_network(tiny):
    architecture = tiny.decode(
        {
            "stem.width": 16,
            "stage1.depth": 2,
            "stage1.width": 8,
            "stage1.se": False,
            "stage1.reduction": 4,
            "stage2.depth": 1,
            "stage2.width": 16,
            "stage2.stride": 2,
            "stage2.se": True,
            "stage2.reduction": 16,
        }
    )

    assert (architecture.stem.width, architecture.stem.stride) == (16, 1)
    assert [(stage.depth, stage.segments[0].width, stage.stride) for stage in architecture.stages] == [
        (2, 8, 1),
        (1, 16, 2),
    ]
    assert architecture.se_tokens == ("none", "inner/16")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"stage1.depth": 3}, "stage1.depth=3 is not one of its values"),
        ({"stage1.se": 1}, "stage1.se=1 is not one of its values"),
        ({"stage3.depth": 1}, "no such decision: stage3.depth"),
        ({"stage1.stride": 1}, "no such decision: stage1.stride"),
    ],
)
def test_check_names_the_decision_at_fault(tiny, change, rule):
    (assignment,) = samples(tiny, 1)

    assert tiny.check({**assignment, **change}) == rule


def test_check_names_the_missing_decisions(tiny):
    (assignment,) = samples(tiny, 1)
    del assignment["stem.width"], assignment["stage2.se"]

    assert tiny.check(assignment) == "undecided: stage2.se, stem.width"


@pytest.mark.parametrize("what", ["widths", "depths"])
def test_a_non_decreasing_rule_holds_for_all_samples_and_is_named_if_it_is_broken(write, what):
    space = load_design_space(write(f"rules: {{{what}: non-decreasing}}{TINY}"))
    name = what[:-1]
    (assignment,) = samples(space, 1)
    low, high = (8, 16) if name == "width" else (1, 2)
    broken = {**assignment, f"stage1.{name}": high, f"stage2.{name}": low}

    for sample in samples(space, 50):
        assert sample[f"stage1.{name}"] <= sample[f"stage2.{name}"]
    assert space.check(broken) == f"stage {what} must not decrease, but got [{high}, {low}]"


def test_check_names_the_wrong_number_of_stages(write):
    space = load_design_space(write(LAW))
    flat = {"depth": 9, "w0": 32, "wa": 4.0, "wm": 3.0, "group_width": 8}

    assert space.check(flat) == "the RegNet rule must give 3 stages, but these parameters give 2"


def test_neighbours_differ_in_one_decision_and_in_the_network(space):
    for assignment in samples(space, 5):
        own = space.decode(assignment).fingerprint()
        near = list(space.neighbours(assignment))

        assert near
        for neighbour in near:
            assert space.check(neighbour) is None
            assert sum(neighbour[name] != assignment[name] for name in space.decisions) == 1
            assert space.decode(neighbour).fingerprint() != own


def test_an_unused_reduction_makes_no_neighbour(tiny):
    (assignment,) = samples(tiny, 1)
    absent = {**assignment, "stage1.se": False}

    assert all(near["stage1.reduction"] == absent["stage1.reduction"] for near in tiny.neighbours(absent))


def test_every_decision_carries_its_role(write):
    stages = load_design_space(write(changed_widths(TINY))).decisions
    open_se = "{site: [inner, post], reduction: [2, 4]}"
    law = load_design_space(write(LAW.replace("{present: false}", open_se))).decisions

    assert roles(stages) == {
        "stem.width": "width",
        **{f"stage{n}.{name}": "width" for n in (1, 2) for name in ("width", "group_width")},
        **{f"stage{n}.{name}": "attention" for n in (1, 2) for name in ("se", "reduction")},
    }
    assert roles(law) == {
        **dict.fromkeys(("w0", "wa", "group_width"), "width"),
        **{f"stage{n}.{name}": "attention" for n in (1, 2, 3) for name in ("se", "site", "reduction")},
    }


def changed_widths(text):
    return text.replace("group_width: 8", "group_width: [4, 8]")


def roles(decisions):
    """The role of each decision that is about attention or widths."""
    return {name: decision.role.value for name, decision in decisions.items() if decision.role is not Role.OTHER}


def test_se_that_is_always_absent_has_no_decisions(write):
    space = load_design_space(write(TINY.replace("present: [false, true]", "present: false")))

    assert not [name for name in space.decisions if name.endswith((".se", ".site", ".reduction"))]


def test_a_small_space_is_counted_exactly(tiny):
    # Counted again in another way: a network is its list of blocks (width in, width out, stride, hidden).
    def blocks(width_in, depth, width, stride, ratio):
        for index in range(depth):
            source = width if index else width_in
            hidden = ratio and max(1, int(source / ratio + 0.5))
            yield source, width, 1 if index else stride, hidden

    stages = list(product((1, 2), (8, 16), (None, 4, 16, 32)))
    networks = {
        (stem, *blocks(stem, *first[:2], 1, first[2]), *blocks(first[1], *second[:2], stride, second[2]))
        for stem, first, second, stride in product((8, 16), stages, stages, (1, 2))
    }

    size = tiny.size()

    assert size.exact
    assert size.count == len(networks)
    assert size.count < 2 * len(stages) ** 2 * 2  # some networks have two assignments


def test_the_space_se_only_has_256_networks():
    # The trunk is fixed. Each of the 4 stages has no SE, or SE with one of 3 ratios. The narrowest block input of the
    # stages has 16, 16, 24 and 40 channels. The hidden widths for 1/2, 1/4 and 1/8 are different (8 4 2, 8 4 2,
    # 12 6 3, 20 10 5), so all 4 choices differ. Stages have different widths and cannot be exchanged:
    # (1 + 3)^4 = 256.
    size = load_design_space(ROOT / "search_spaces/se_only.yaml").size()

    assert size.exact
    assert size.count == 256
    assert str(size) == "256"


def test_the_bound_is_the_count_if_all_assignments_build_different_networks(monkeypatch):
    monkeypatch.setattr(design_space, "MOST_ENUMERATED", 0)

    size = load_design_space(ROOT / "search_spaces/se_only.yaml").size()

    assert (size.count, size.exact) == (256, False)


def test_a_large_space_states_a_bound_that_samples_do_not_exceed(space):
    size = space.size()

    assert len(fingerprints(space, samples(space, 300))) <= size.count
    assert size.exact or str(size).startswith("at most ")


@pytest.mark.parametrize("text", [TINY, LAW], ids=["anynet", "regnet"])
def test_the_bound_is_at_least_the_exact_count(write, monkeypatch, text):
    space = load_design_space(write(text))
    exact = space.size()
    monkeypatch.setattr(design_space, "MOST_ENUMERATED", 0)

    bound = space.size()

    assert (exact.exact, bound.exact) == (True, False)
    assert 0 < exact.count <= bound.count


def test_rules_that_no_network_satisfies_are_an_error(write, monkeypatch):
    space = load_design_space(write(LAW))
    monkeypatch.setattr(type(space), "check", lambda space, assignment: "broken")
    monkeypatch.setattr(design_space, "MOST_DRAWS", 10)

    with pytest.raises(InputError, match="none of 10 drawn networks"):
        space.sample(Random(0))


BOUNDED = f"bounds: {{flops: {{min: 1000, max: 2000}}, params: {{max: 300}}}}{TINY}"


@pytest.mark.parametrize(
    ("cost", "violation"),
    [
        ({"flops": 1000, "params": 300}, None),
        ({"flops": 2000, "params": 0}, None),
        ({"flops": 999, "params": 300}, "flops 999 is below 1,000"),
        ({"flops": 2001, "params": 300}, "flops 2,001 is above 2,000"),
        ({"flops": 1500, "params": 301}, "params 301 is above 300"),
    ],
)
def test_a_cost_out_of_bounds_is_reported_with_the_bound(write, cost, violation):
    space = load_design_space(write(BOUNDED))

    assert space.cost_violation({**cost, "activations": 10**9}) == violation
