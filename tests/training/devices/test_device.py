import pytest
import torch

from se_nas.training.devices.device import pick_device, prepare


@pytest.mark.parametrize(("available", "kind"), [(False, "cpu"), (True, "cuda")])
def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch, available: bool, kind: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)

    assert pick_device().type == kind


def test_trials_side_by_side_on_a_cpu_take_one_thread_each() -> None:
    torch.set_num_threads(2)

    prepare(torch.device("cpu"))

    assert torch.get_num_threads() == 1
