"""Malicious files. Each tries to create a canary, which must never appear. Texts in files are shown, not executed."""

import io
import os
import pickle
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.lib.format import write_array_header_1_0
from PIL import Image
from rich.console import Console

from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import SearchRequest
from se_nas.data import sources
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.runs.ablation_file import load_ablation
from se_nas.runs.confirmation_file import load_confirmation
from se_nas.runs.retrained_files import read_result
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.training.checkpoint import read_tensors
from se_nas.training.recipe_file import load_recipe
from se_nas.training.trained import load_trained


class Trap:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (self.canary,)


def as_pickle(canary: Path) -> bytes:
    return pickle.dumps(Trap(canary))


def as_torch_file(canary: Path) -> bytes:
    content = io.BytesIO()
    torch.save({"weight": Trap(canary)}, content)
    return content.getvalue()


def as_array(canary: Path) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Trap(canary)], dtype=object), allow_pickle=True)
    return content.getvalue()


def as_arrays(canary: Path) -> bytes:
    content = io.BytesIO()
    traps = dict.fromkeys(
        ("train_images", "train_labels", "test_images", "test_labels", "class_names"),
        np.array([Trap(canary)], dtype=object),
    )
    np.savez(content, **traps)
    return content.getvalue()


def as_tagged_yaml(canary: Path) -> bytes:
    return f"name: !!python/object/apply:os.mkdir ['{canary}']\nimage_size: 8\n".encode()


def as_tagged_mapping(canary: Path) -> bytes:
    return f"!!python/object/new:os.mkdir\nargs: ['{canary}']\n".encode()


def as_archive(canary: Path) -> bytes:
    """An archive whose members would lie outside of the folder: by `..`, an absolute name, a link and a device."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:

        def add(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member, io.BytesIO())

        add(f"../{canary.name}")
        add(str(canary))
        add("link", tarfile.SYMTYPE, str(canary.parent))
        add(f"link/{canary.name}")
        add("device", tarfile.CHRTYPE)
    return content.getvalue()


FORMS = [as_pickle, as_torch_file, as_array, as_arrays, as_tagged_yaml, as_tagged_mapping, as_archive]

READERS: dict[str, Callable[[Path], Any]] = {
    "config.yaml": lambda run: load_progress(RunFolder(run)),
    "space.yaml": lambda run: load_progress(RunFolder(run)),
    "study.db": lambda run: load_progress(RunFolder(run)),
    "trials/0000/architecture.yaml": lambda run: load_architecture(run / "trials/0000/architecture.yaml"),
    "trials/0000/result.json": lambda run: RunFolder(run).read_result(0),
    "trials/0000/checkpoint.safetensors": lambda run: read_tensors(run / "trials/0000/checkpoint.safetensors"),
    "confirm.json": lambda run: load_confirmation(RunFolder(run), load_progress(RunFolder(run))[1]),
    "ablate-0000.json": lambda run: load_ablation(run / "ablate-0000.json"),
    "retrain/net/result.json": lambda run: read_result(run / "retrain/net"),
    "retrain/net/weights.safetensors": lambda run: load_trained(run / "retrain/net"),
    "new-space.yaml": lambda run: load_design_space(run / "new-space.yaml"),
    "recipe.yaml": lambda run: load_recipe(run / "recipe.yaml", epochs=None, usual_epochs=1),
    "data.npz": lambda run: load_data(f"npz:{run / 'data.npz'}", image_size=8),
    "images/dog/1.png": lambda run: load_data(f"imagefolder:{run / 'images'}", image_size=8),
}


@pytest.mark.parametrize("file", READERS)
def test_no_file_that_is_read_executes_its_content(searched: Path, tmp_path: Path, file: str) -> None:
    canary = tmp_path / "canary"
    (searched / "images/cat").mkdir(parents=True)
    for form in FORMS:
        (searched / file).parent.mkdir(parents=True, exist_ok=True)
        (searched / file).write_bytes(form(canary))

        try:
            assert READERS[file](searched) is None, form.__name__
        except InputError as refusal:
            assert len(str(refusal).splitlines()) == 1  # noqa: PT017 - either way of refusing will do
        assert not canary.exists(), form.__name__


def test_the_malicious_objects_do_create_the_canary(tmp_path: Path) -> None:
    pickle.loads(as_pickle(tmp_path / "canary"))
    yaml.unsafe_load(as_tagged_yaml(tmp_path / "another"))

    assert (tmp_path / "canary").is_dir()
    assert (tmp_path / "another").is_dir()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("form", FORMS)
def test_files_planted_in_the_folder_of_torchvision_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, form: Callable[[Path], bytes]
) -> None:
    """It keeps pickles there, and archives; both are compared with the published MD5 sums before they are opened."""

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setattr(sources, "user_cache_path", lambda _: tmp_path)
    canary, root = tmp_path / "canary", tmp_path / "datasets"
    for folder, files in (
        ("cifar-10-batches-py", ("data_batch_1", "test_batch", "batches.meta")),
        ("cifar-100-python", ("train", "test", "meta")),
    ):
        (root / folder).mkdir(parents=True)
        for file in files:
            (root / folder / file).write_bytes(form(canary))
    for archive in ("cifar-10-python.tar.gz", "cifar-100-python.tar.gz"):
        (root / archive).write_bytes(form(canary))

    with pytest.raises(InputError, match=f"--data {name}: could not be downloaded"):
        load_data(name, image_size=32)

    assert not list(tmp_path.glob("**/canary"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("x")]
)
def test_a_pipe_a_device_and_a_dangling_link_are_refused_as_files(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), color=number).save(tmp_path / f"images/{name}/{number}.png")
    made = [tmp_path / "images/cat/12.png", tmp_path / "data.npz", tmp_path / "space.yaml"]
    for path in made:
        make(path)

    for reader in ("images/dog/1.png", "data.npz", "new-space.yaml"):
        with pytest.raises(InputError, match=r"not a file|no such file|No such file"):
            READERS[reader](tmp_path) if reader != "new-space.yaml" else load_design_space(made[2])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", [name for name in READERS if name.endswith(".json")])
def test_a_pipe_instead_of_a_result_is_refused_without_waiting(searched: Path, file: str) -> None:
    (searched / file).parent.mkdir(parents=True, exist_ok=True)
    (searched / file).unlink(missing_ok=True)
    os.mkfifo(searched / file)

    try:
        assert READERS[file](searched) is None
    except InputError as refusal:
        assert file.rpartition("/")[2] in str(refusal)  # noqa: PT017 - either way of refusing will do


def test_an_archive_that_declares_more_than_it_contains_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**14, 8, 8, 3)})
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for name in ("train_images", "train_labels", "test_images", "test_labels"):
            archive.writestr(f"{name}.npy", header.getvalue())

    with pytest.raises(InputError, match=r"not a readable \.npz of plain arrays"):
        load_data(f"npz:{tmp_path / 'data.npz'}", image_size=8)


MARKUP = "<img src=x onerror=seen()><script>document.title='seen'</script>[bold]b[/bold]\x1b]0;seen\x07\x1b[31m"


def test_names_and_reasons_are_shown_and_never_interpreted(
    request_tiny: SearchRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the terminal, the page, the tables and the name of the run folder."""
    name = MARKUP.replace("/", ":")
    data = (tmp_path / "tiny.npz").rename(tmp_path / f"{name}.npz")
    with np.load(data) as file:
        arrays = dict(file)
    with data.open("wb") as opened:
        np.savez(opened, **arrays, class_names=np.array([MARKUP, "plain"]))
    train, calls = evaluation.train, 0

    def fail_the_second(trainer: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError(MARKUP)
        return train(trainer)

    monkeypatch.setattr(evaluation, "train", fail_the_second)
    monkeypatch.chdir(tmp_path)
    console = Console(file=io.StringIO(), width=400, force_terminal=True, color_system=None)
    asked = replace(request_tiny, data=f"npz:{data}", run=None, budget=3, wandb="off")

    run = search.start_search(asked, console)

    assert run is not None
    said, page = console.file.getvalue(), (run / "report.html").read_text()  # type: ignore[attr-defined]
    assert run.name.isprintable()
    assert not set("<>'[]") & set(run.name)
    assert "\x1b]0;" not in said
    assert "\x1b[31m" not in said
    assert "[bold]b[/bold]" in said
    assert "<img src=x" not in page
    assert "<script>document.title" not in page
    assert "\x1b" not in page
    assert "&lt;img src=x" in page
