import pytest
import torch
from torch import Tensor, nn

from se_nas.training.step.averaging import WeightAverage
from tests.training.test_trainer import curve, equal, trainer_of


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_average_equals_the_sum_by_the_formula() -> None:
    model = network()
    average = WeightAverage(model)
    expected = state(model)
    for step, kept in enumerate((0.1, 0.5, 0.9)):
        with torch.no_grad():
            for value in model.state_dict().values():
                value += step + 1
        average.follow(torch.tensor(kept))
        expected = {
            name: kept * value + (1 - kept) * model.state_dict()[name] if value.is_floating_point() else value
            for name, value in expected.items()
        }
        expected["1.num_batches_tracked"] = state(model)["1.num_batches_tracked"]

    for name, value in state(average.network).items():
        torch.testing.assert_close(value, expected[name])


def test_the_model_does_not_depend_on_the_average() -> None:
    with_average, without = trainer_of(ema_decay=0.9), trainer_of()
    for trainer in (with_average, without):
        trainer.run_epoch()

    assert equal(dict(with_average.model.state_dict()), dict(without.model.state_dict()))
    assert not equal(dict(with_average.result.state_dict()), dict(with_average.model.state_dict()))


def test_a_training_averages_all_of_its_steps_by_the_recipes_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[float] = []
    follow = WeightAverage.follow

    def noted(average: WeightAverage, share: Tensor) -> None:
        kept.append(float(share))
        follow(average, share)

    monkeypatch.setattr(WeightAverage, "follow", noted)
    trainer = trainer_of(ema_decay=0.6)
    for _ in range(3):
        trainer.run_epoch()

    assert kept == pytest.approx([trainer.recipe.ema_decay_at(step) for step in range(len(kept))])
    assert len(set(kept)) > 6


def test_the_average_is_evaluated_and_restored_from_a_checkpoint() -> None:
    whole, cut = trainer_of(ema_decay=0.9), trainer_of(ema_decay=0.9)
    results = [whole.run_epoch() for _ in range(3)]
    first = cut.run_epoch()
    resumed = trainer_of(ema_decay=0.9)
    resumed.restore(cut.tensors(), epoch=cut.epoch, precision=cut.precision)

    assert curve([first, *(resumed.run_epoch() for _ in range(2))]) == curve(results)
    assert equal(whole.tensors(), resumed.tensors())
    with torch.no_grad():
        for weight in whole.model.parameters():
            weight.zero_()
    assert whole.evaluate() == results[-1].accuracy
