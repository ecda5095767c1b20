import pytest
import torch
from torch import Tensor, nn

from se_nas.training.step import precision
from se_nas.training.step.precision import Precision, choose_precision, fastest, possible_precisions, usual_precision
from tests.fakes import separable_data
from tests.training.test_trainer import trainer_of

CPU = torch.device("cpu")
LAST, FIRST = Precision(channels_last=True, bf16=False), Precision(channels_last=False, bf16=False)


class SlowInOneLayout(nn.Module):
    """Is slow for images in channels-last memory, and records the layout of each batch."""

    def __init__(self, shown: list[str]) -> None:
        super().__init__()
        self.convolve, self.shown = nn.Conv2d(3, 4, 1), shown

    def __deepcopy__(self, memo: object) -> "SlowInOneLayout":
        return SlowInOneLayout(self.shown)

    def forward(self, images: Tensor) -> Tensor:
        last = images.is_contiguous(memory_format=torch.channels_last)
        self.shown.append("last" if last else "first")
        for _ in range(200 if last else 1):
            torch.ones(64, 64) @ torch.ones(64, 64)
        return self.convolve(images).mean((2, 3))


def test_the_usual_precision_of_a_cpu_is_channels_last_in_single_precision() -> None:
    assert usual_precision(CPU) == LAST
    assert possible_precisions(CPU)[0] == LAST


@pytest.mark.parametrize("bf16", [True, False])
def test_bf16_is_tried_only_where_the_device_has_units_for_it(bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bf16_units", lambda device: bf16)

    assert {choice.bf16 for choice in possible_precisions(CPU)} == {bf16, False}
    assert len(possible_precisions(CPU)) == len(set(possible_precisions(CPU))) == (4 if bf16 else 2)


def test_the_layout_that_is_measured_as_faster_is_chosen() -> None:
    shown: list[str] = []

    chosen = choose_precision(SlowInOneLayout(shown), batch_size=2, image_size=4, steps=100_000, device=CPU)

    assert not chosen.channels_last
    assert shown.count("last") == shown.count("first") > 0


def test_a_short_training_has_no_measurement() -> None:
    shown: list[str] = []

    chosen = choose_precision(SlowInOneLayout(shown), batch_size=2, image_size=4, steps=1_000, device=CPU)

    assert chosen == LAST
    assert not shown


@pytest.mark.parametrize(("seconds", "choice"), [([1.0, 0.95], LAST), ([1.0, 0.8], FIRST), ([0.5, 1.0], LAST)])
def test_a_small_gain_changes_nothing(seconds: list[float], choice: Precision) -> None:
    assert fastest([LAST, FIRST], seconds) == choice


def test_measuring_keeps_the_model_and_the_global_random_state() -> None:
    trainer = trainer_of()
    before = {name: tensor.clone() for name, tensor in trainer.tensors().items()}
    random = torch.get_rng_state()

    choose_precision(trainer.model, batch_size=4, image_size=8, steps=100_000, device=CPU)

    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.tensors().items())
    assert all(parameter.grad is None for parameter in trainer.model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("choice", possible_precisions(CPU), ids=str)
def test_every_choice_trains(choice: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("se_nas.training.trainer.choose_precision", lambda *_, **__: choice)
    trainer = trainer_of(epochs=6, data=separable_data())

    accuracies = [trainer.run_epoch().accuracy for _ in range(6)]

    assert trainer.precision == choice
    assert accuracies[-1] > 0.9
    assert all(weight.dtype == torch.float32 for weight in trainer.model.parameters())
