import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from rich.console import Console
from torch import nn

from se_nas.commands.export import export as exporting
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.errors import InputError, RunFailedError, WriteError
from se_nas.training.known_latency import onnx_sessions
from se_nas.training.trained import TrainedNetwork, save_trained
from tests.fakes import network_with_se, trained_network

WITHOUT_SE_NAS = """
import sys, torch
sys.modules["se_nas"] = None
images = torch.load(sys.argv[2], weights_only=True)
torch.save(torch.export.load(sys.argv[1]).module()(images).detach(), sys.argv[2])
"""


def save(folder: Path, *tokens: str) -> TrainedNetwork:
    network = trained_network(network_with_se(*tokens), class_names=("a", "b", "c"), image_size=16)
    save_trained(folder, network)
    return network


@pytest.mark.parametrize(
    "tokens",
    [("inner/4", "post/2"), pytest.param(("pre/2", "standard/4 of site"), marks=pytest.mark.slow)],
)
def test_both_files_give_the_networks_logits_for_any_batch(
    tmp_path: Path, console: Console, tokens: tuple[str, ...]
) -> None:
    network = save(tmp_path, *tokens)
    images = torch.rand(5, 3, 16, 16)
    expected = network.build_deployed()(images).detach()

    export(ExportRequest(retrained=tmp_path), console)

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-5, rtol=1e-4)
    assert '"class_names": ["a", "b", "c"]' in session.get_modelmeta().custom_metadata_map["se_nas"]
    loaded = torch.export.load(tmp_path / "model.pt2").module()(images)
    torch.testing.assert_close(loaded, expected)
    assert console.file.getvalue().count("from the network's logits") == 2  # type: ignore[attr-defined]


def test_torch_alone_reads_the_pt2_file(tmp_path: Path) -> None:
    network = save(tmp_path, "inner/4")
    path = tmp_path / "model.pt2"
    exporting._exported(network, path, exporting._write_torch)
    images = torch.rand(2, 3, 16, 16)
    torch.save(images, tmp_path / "images.pt")

    subprocess.run(
        [sys.executable, "-c", WITHOUT_SE_NAS, str(path), str(tmp_path / "images.pt")],
        check=True,
        cwd=tmp_path,
        timeout=800,
    )

    logits = torch.load(tmp_path / "images.pt", weights_only=True)
    torch.testing.assert_close(logits, network.build_deployed()(images).detach())


def test_a_file_that_differs_from_the_network_does_not_replace_a_good_file(tmp_path: Path) -> None:
    network = save(tmp_path, "inner/4")
    path = tmp_path / "model.pt2"
    path.write_text("the good one")

    def wrong(_network: TrainedNetwork, model: nn.Module, written: Path) -> exporting.Run:
        written.write_text("the wrong one")
        return lambda images: model(images) * 1.01

    with pytest.raises(RunFailedError, match=r"would differ from the network by .* of the largest logit; not written"):
        exporting._exported(network, path, wrong)

    assert path.read_text() == "the good one"
    assert {file.name for file in tmp_path.iterdir()} == {"model.pt2", "weights.safetensors"}


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    network = save(tmp_path, "none")
    (tmp_path / "model.pt2").mkdir()

    with pytest.raises(WriteError, match=r"model.pt2: cannot be written \(Is a directory\)"):
        exporting._exported(network, tmp_path / "model.pt2", lambda _, model, path: _touched(path, model))


def _touched(path: Path, model: nn.Module) -> exporting.Run:
    path.write_text("")
    return model


def test_a_missing_package_is_named_after_the_file_that_needs_none_is_written(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "none")
    monkeypatch.setattr(onnx_sessions, "ONNX_NEEDS", ("onnx", "no_such_runtime"))

    with pytest.raises(InputError, match=r"ONNX needs no_such_runtime: pip install -e '\.\[onnx\]'"):
        export(ExportRequest(retrained=tmp_path), console)

    assert (tmp_path / "model.pt2").is_file()
