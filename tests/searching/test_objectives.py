import pytest

from se_nas.costs import COSTS
from se_nas.errors import InputError
from se_nas.searching.objectives import parse_objectives


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("accuracy,flops", ("accuracy", "flops")),
        ("accuracy,flops,params", ("accuracy", "flops", "params")),
        ("accuracy, latency , activations", ("accuracy", "latency", "activations")),
        ("params,accuracy", ("accuracy", "params")),
    ],
)
def test_accuracy_comes_first_and_costs_keep_their_order(text: str, names: tuple[str, ...]) -> None:
    assert parse_objectives(text).names == names


@pytest.mark.parametrize("cost", COSTS)
def test_accuracy_goes_up_and_every_cost_goes_down(cost: str) -> None:
    accuracy, other = parse_objectives(f"accuracy,{cost}")

    assert (accuracy.name, accuracy.direction) == ("accuracy", "maximize")
    assert (other.name, other.direction) == (cost, "minimize")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("accuracy,flop", "no objective 'flop'; did you mean flops?"),
        ("acuracy,flops", "no objective 'acuracy'; did you mean accuracy?"),
        ("accuracy,zzz", "no objective 'zzz'; known: accuracy, flops, params, activations, latency"),
        ("accuracy,", "no objective ''; known: accuracy"),
        ("", "no objective ''; known: accuracy"),
        ("flops,params", "expected accuracy and one or two costs"),
        ("accuracy", "expected accuracy and one or two costs"),
        ("accuracy,flops,flops", "expected accuracy and one or two costs"),
        ("accuracy,accuracy,flops", "expected accuracy and one or two costs"),
        ("accuracy,latency=table", "expected a name alone or latency=measured, but got 'latency=table'"),
        ("accuracy,latency=", "expected a name alone or latency=measured, but got 'latency='"),
        ("accuracy,flops=measured", "expected a name alone or latency=measured, but got 'flops=measured'"),
        ("accuracy,latency,latency=measured", "expected accuracy and one or two costs"),
        ("accuracy,flops,params,latency", "expected accuracy and one or two costs"),
    ],
)
def test_wrong_objectives_are_refused_with_one_line_that_says_what_is_right(text: str, hint: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_objectives(text)

    assert str(refusal.value).startswith(f"--objectives {text}: ")
    assert hint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "tabled", "measured"),
    [
        ("accuracy,latency", (), ("latency",)),
        ("accuracy,latency", ("latency",), ()),
        ("accuracy, latency = measured", (), ("latency",)),
        ("accuracy,flops,latency=measured", (), ("latency",)),
        ("accuracy,flops", ("latency",), ()),
    ],
)
def test_trials_measure_what_no_table_predicts(text: str, tabled: tuple[str, ...], measured: tuple[str, ...]) -> None:
    objectives = parse_objectives(text, tabled=tabled)

    assert objectives.measured == measured
    assert parse_objectives(objectives.text, tabled=tabled) == objectives


def test_a_table_may_predict_latency_unless_it_is_left_to_the_trials() -> None:
    assert parse_objectives("accuracy,latency").tabled_among(["flops", "latency"]) == ("latency",)
    assert parse_objectives("accuracy,latency=measured").tabled_among(["flops", "latency"]) == ()
