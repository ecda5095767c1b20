import pytest
import torch
from torch import Tensor, nn

from se_nas.models.network import build_model
from se_nas.training.latency import BATCH, REPEATS, WARMUPS, passes_in_turn
from tests.fakes import tiny_architecture

CPU = torch.device("cpu")


class Watched(nn.Module):
    """Records the mode and the images' shape of each call of itself and its copies."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bool, torch.Size]] = []

    def __deepcopy__(self, memo: object) -> "Watched":
        copied = Watched()
        copied.calls = self.calls
        return copied

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append((self.training, images.shape))
        return images


@pytest.mark.parametrize("training", [True, False])
def test_latency_is_measured_in_eval_mode_and_the_models_mode_is_kept(training: bool) -> None:
    model = Watched().train(training)

    passes_in_turn([model], image_size=6, device=CPU)

    assert model.calls == [(False, torch.Size([BATCH, 3, 6, 6]))] * (WARMUPS + REPEATS)
    assert model.training is training


def test_latency_is_positive_and_statistics_stay_unchanged() -> None:
    model = build_model(tiny_architecture(), num_classes=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    (milliseconds,) = passes_in_turn([model], image_size=8, device=CPU)

    assert len(milliseconds) == REPEATS
    assert all(each > 0 for each in milliseconds)
    assert all((tensor == before[name]).all() for name, tensor in model.state_dict().items())
