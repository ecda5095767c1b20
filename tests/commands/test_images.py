"""The images of a search, from the first check to the model card: shown, checked, accepted, tested last."""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from se_nas.checksums import checksum
from se_nas.commands.ablate.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.images import opening_progress
from se_nas.commands.predict import predict as predict_command
from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.predict.predict import predict
from se_nas.commands.report.writing import write_report
from se_nas.commands.retrain import retrain, retraining
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import search
from se_nas.commands.search.flags import SearchRequest
from se_nas.data.decoding import Decoding
from se_nas.data.folders import decoded_store
from se_nas.data.sources import load_data
from se_nas.errors import InputError, RunFailedError
from se_nas.files import write_checked
from se_nas.runs.images_file import load_inventory
from se_nas.runs.retrained_files import read_result
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.searching.loop import SearchLoop
from se_nas.searching.records import TrialStatus
from se_nas.searching.tasks import TrialTask
from se_nas.training.trained import load_trained
from tests.commands.conftest import said_on

pytestmark = pytest.mark.usefixtures("without_figures")


def save_12_bits(pixels: Any, file: Path) -> None:
    Image.fromarray(pixels.astype(np.uint16) * 16).save(file)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Dark and light images of 12 bits in 16, in train, val and test."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("val", 8), ("test", 8)):
        for label, name in enumerate(("dark", "light")):
            (tmp_path / "pictures" / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 100, (8, 8)) + 120 * label
                save_12_bits(pixels, tmp_path / "pictures" / part / name / f"{number:02d}.png")
    return tmp_path / "pictures"


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that no memory is available for images."""
    monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 0)


@pytest.fixture
def decoded_in_each_epoch(on_disk: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pretend that neither memory nor disk has space for decoded images, and that none were decoded before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(decoded_store, "SPARE_BYTES", 1 << 60)


@pytest.fixture
def asked(request_tiny: SearchRequest, pictures: Path) -> SearchRequest:
    """A search of two short trials on the pictures."""
    return replace(request_tiny, data=f"imagefolder:{pictures}", budget=2, epochs=2)


def cut(file: Path) -> bytes:
    """Cut a file short, and return its earlier content."""
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    return whole


def again(run: Path | None, **changes: Any) -> SearchRequest:
    return SearchRequest(resume=run, workers=1, wandb="off", **changes)


def test_a_dry_run_shows_every_class_and_what_is_left_out(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    (pictures / "train/dark/.hidden").mkdir()
    (pictures / "train/dark/.hidden/1.png").touch()
    (pictures / "train/dark/notes.txt").touch()

    search.start_search(replace(asked, dry_run=True), console)

    said = said_on(console)
    assert "dark   20 + 8 + 8" in said
    assert "hidden or system files: 1 (train/dark/.hidden/1.png)" in said
    assert "files whose suffix is not that of an image (.txt): 1 (train/dark/notes.txt)" in said
    assert "whole numbers in wider types are read as 12 bits (72 images)" in said


def test_a_search_lists_its_images_briefly_at_its_start_and_fully_on_its_page(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    (pictures / "train/dark/notes<b>.txt").touch()
    Image.open(pictures / "train/dark/00.png").save(pictures / "test/dark/copy.tif")

    search.start_search(asked, console)

    said, page = said_on(console), (asked.run / "report.html").read_text()  # type: ignore[operator]
    assert "classes   dark (20 + 8 + 9), light (20 + 8 + 8): training + validation + test images" in said
    assert "read      whole numbers in wider types are read as 12 bits (73 images)" in said
    assert "left out  files whose suffix is not that of an image (.txt): 1" in said
    assert "warning   1 test image equal to training images, e.g. test/dark/copy.tif and train/dark/00.png" in said
    assert ">The images</h2>" in page
    assert "1 test image equal to training images" in page
    assert "train/dark/notes&lt;b&gt;.txt" in page
    assert str(pictures.parent) not in page
    assert str(pictures.parent) not in (asked.run / "images.json").read_text()  # type: ignore[operator]


def test_the_bar_of_opened_images_shows_their_rate() -> None:
    console = Console(file=StringIO(), width=120, force_terminal=True, color_system=None)
    with opening_progress(console) as on_opened:
        assert on_opened is not None
        for done in range(3):
            on_opened(done, 3)
    assert "images/s" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_folder_of_an_earlier_version_is_reported_and_resumed(asked: SearchRequest, console: Console) -> None:
    search.start_search(asked, console)
    folder = RunFolder(asked.run)  # type: ignore[arg-type]
    folder.images.unlink()
    settings = load_config(folder).model_dump(exclude={"skip_bad_images", "earlier_images"})
    folder.config.write_text(json.dumps({**settings, "seal": checksum(settings)}))

    config, progress = load_progress(folder)
    assert write_report(folder, config, progress).problems == []
    assert "The images" not in folder.report.read_text()
    search.resume_search(folder.path, again(folder.path, budget=3), console)

    assert load_inventory(folder) is not None


def test_a_damaged_list_of_images_is_left_out_of_the_report_with_a_line(asked: SearchRequest, console: Console) -> None:
    search.start_search(asked, console)
    folder = RunFolder(asked.run)  # type: ignore[arg-type]
    folder.images.write_text(folder.images.read_text().replace("20", "21", 1))

    (problem,) = write_report(folder, *load_progress(folder)).problems

    assert problem == f"{folder.images}: damaged, so the report leaves it out; a resumed search writes it again"


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.usefixtures("on_disk")
def test_a_cut_image_is_refused_before_anything_trains(
    asked: SearchRequest, console: Console, pictures: Path, part: str
) -> None:
    cut(pictures / part / "light/03.png")

    with pytest.raises(InputError, match=rf"{part}/light/03\.png: cannot be read as an image .*--skip-bad-images"):
        search.start_search(asked, console)

    assert not asked.run.exists()  # type: ignore[union-attr]


@pytest.mark.usefixtures("on_disk")
def test_a_cut_image_that_is_left_out_is_counted_by_the_report_the_card_and_every_later_command(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    cut(pictures / "test/light/03.png")

    search.start_search(replace(asked, skip_bad_images=True), console)
    search.resume_search(asked.run, again(asked.run, budget=3), console)  # type: ignore[arg-type]
    retrain.retrain(RetrainRequest(run_dir=asked.run, epochs=1, wandb="off"), console)  # type: ignore[arg-type]

    assert "left out  files that cannot be read as images: 1" in said_on(console)
    assert "files that cannot be read as images" in (asked.run / "report.html").read_text()  # type: ignore[operator]
    (card,) = asked.run.glob("retrain/*/README.md")  # type: ignore[union-attr]
    assert "1 image file of the data set could not be read and was left out." in card.read_text()


@pytest.mark.usefixtures("on_disk")
def test_repaired_images_are_refused_until_they_are_accepted_and_this_is_recorded(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    whole = cut(pictures / "train/light/03.png")
    search.start_search(replace(asked, skip_bad_images=True), console)
    (pictures / "train/light/03.png").write_bytes(whole)

    with pytest.raises(InputError, match=r"begun on other images .* if they were repaired: .*--accept-changed-images"):
        search.resume_search(asked.run, again(asked.run, budget=3), console)  # type: ignore[arg-type]
    before = load_config(RunFolder(asked.run)).images  # type: ignore[arg-type]
    search.resume_search(asked.run, again(asked.run, budget=3, accept_changed_images=True), console)  # type: ignore[arg-type]
    search.resume_search(asked.run, again(asked.run, budget=4), console)  # type: ignore[arg-type]

    config = load_config(RunFolder(asked.run))  # type: ignore[arg-type]
    assert config.earlier_images == [before] != [config.images]
    assert "changed 1 time during the search, which was accepted" in (asked.run / "report.html").read_text()  # type: ignore[operator]


def test_a_file_that_went_bad_later_can_be_left_out_when_resuming(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    search.start_search(asked, console)
    cut(pictures / "train/light/03.png")

    with pytest.raises(InputError, match=r"03\.png: cannot be read"):
        search.resume_search(asked.run, again(asked.run, budget=3), console)  # type: ignore[arg-type]
    accepted = again(asked.run, budget=3, skip_bad_images=True, accept_changed_images=True)
    search.resume_search(asked.run, accepted, console)  # type: ignore[arg-type]

    assert load_config(RunFolder(asked.run)).skip_bad_images  # type: ignore[arg-type]


@pytest.mark.usefixtures("on_disk")
def test_a_file_that_goes_bad_during_a_search_does_not_matter_once_it_is_decoded(
    asked: SearchRequest, console: Console, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = SearchLoop.next_trial

    def cut_before(loop: SearchLoop) -> TrialTask | None:
        cut(pictures / "train/light/03.png")
        return start(loop)

    monkeypatch.setattr(SearchLoop, "next_trial", cut_before)
    search.start_search(asked, console)
    statuses = [record.status for record in load_progress(RunFolder(asked.run))[1].records]  # type: ignore[arg-type]
    assert statuses == [TrialStatus.COMPLETE] * 2


@pytest.mark.usefixtures("decoded_in_each_epoch")
def test_a_file_that_goes_bad_during_a_search_ends_it_with_its_name_and_after_a_repair_it_continues(
    asked: SearchRequest, console: Console, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, whole = pictures / "train/light/03.png", b""
    start = SearchLoop.next_trial

    def cut_after_the_first(loop: SearchLoop) -> TrialTask | None:
        nonlocal whole
        whole = cut(bad) if len(loop.records) == 1 else whole
        return start(loop)

    with monkeypatch.context() as patched:
        patched.setattr(SearchLoop, "next_trial", cut_after_the_first)
        with pytest.raises(RunFailedError) as failed:
            search.start_search(replace(asked, budget=30), console)
    assert f"3 trainings in a row failed, and not by their networks' fault: InputError: {bad}" in str(failed.value)
    assert any("--resume" in note for note in failed.value.__notes__)

    with pytest.raises(InputError) as refused:
        search.resume_search(asked.run, again(asked.run, budget=5), console)  # type: ignore[arg-type]
    assert str(refused.value).endswith(f"--resume {asked.run} --skip-bad-images --accept-changed-images")
    bad.write_bytes(whole)
    search.resume_search(asked.run, again(asked.run, budget=5), console)  # type: ignore[arg-type]
    _, progress = load_progress(RunFolder(asked.run))  # type: ignore[arg-type]
    assert [record.status.value for record in progress.records].count("failed") == 3
    assert progress.records[-1].status is TrialStatus.COMPLETE


@pytest.mark.parametrize(
    "before", ["in memory", "on disk", "in memory, an earlier version", "on disk, an earlier version"]
)
def test_a_run_is_resumed_on_a_machine_with_more_or_less_memory(
    asked: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    def has_memory(there: bool) -> None:
        monkeypatch.setattr("se_nas.data.sources.memory_bytes", lambda: 2**30 if there else 0)

    has_memory("in memory" in before)
    search.start_search(asked, console)
    folder = RunFolder(asked.run)  # type: ignore[arg-type]
    if "earlier" in before:  # earlier fingerprints were of names and sizes, or of the resized pixels
        data = load_data(asked.data, image_size=8)  # type: ignore[arg-type]
        parts = [replace(part, content="") for part in (data.train, data.validation, data.test)]
        known = replace(data, train=parts[0], validation=parts[1], test=parts[2]).fingerprint()
        settings = load_config(folder).model_dump() | {"images": known}
        folder.config.write_text(json.dumps({**settings, "seal": checksum(settings)}))
    else:
        has_memory("on disk" in before)
    search.resume_search(folder.path, again(folder.path, budget=3), console)

    config, progress = load_progress(folder)
    assert (len(progress.records), config.earlier_images) == (3, [])


@pytest.mark.usefixtures("on_disk")
def test_a_run_of_an_earlier_version_is_resumed_with_photographs_known_by_all_their_pixels(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    rng = np.random.default_rng(0)
    for file in [*pictures.rglob("*.png")]:
        Image.fromarray(rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(file.with_suffix(".jpg"))
        file.unlink()
    search.start_search(asked, console)
    folder = RunFolder(asked.run)  # type: ignore[arg-type]
    assert load_config(folder).decoding == "scaled"
    known = load_data(asked.data, image_size=8, decoding=Decoding.WHOLE).fingerprint()  # type: ignore[arg-type]
    settings = load_config(folder).model_dump(exclude={"decoding"}) | {"images": known}
    folder.config.write_text(json.dumps({**settings, "seal": checksum(settings)}))

    search.resume_search(folder.path, again(folder.path, budget=3), console)

    config, progress = load_progress(folder)
    assert (len(progress.records), config.earlier_images, config.decoding) == (3, [], "whole")
    assert not load_data(asked.data, image_size=8).is_known_as(known)  # type: ignore[arg-type]
    retrain.retrain(RetrainRequest(run_dir=folder.path, epochs=1, wandb="off"), console)
    (retrained,) = (folder.path / "retrain").iterdir()
    assert load_trained(retrained).decoding is Decoding.WHOLE  # so that `predict` reads images in this way


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("command", ["retrain", "confirm", pytest.param("ablate", marks=pytest.mark.slow)])
def test_a_bad_file_is_named_with_a_command_that_leaves_it_out(
    asked: SearchRequest, console: Console, pictures: Path, command: str
) -> None:
    search.start_search(asked, console)
    run: Path = asked.run  # type: ignore[assignment]
    cut(pictures / "val/light/03.png")
    commands: dict[str, Callable[[], object]] = {
        "retrain": lambda: retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console),
        "confirm": lambda: confirm(ConfirmRequest(run_dir=run, seeds=1, wandb="off", workers=1), console),
        "ablate": lambda: ablate(AblateRequest(network=f"{run}:0", seeds=2, epochs=1, wandb="off", workers=1), console),
    }

    with pytest.raises(InputError) as refused:
        commands[command]()
    told = str(refused.value).partition("or leave it out with ")[2]
    flags = [word.removeprefix("--").replace("-", "_") for word in shlex.split(told) if word.startswith("--")]
    assert flags == ["resume", "skip_bad_images", "accept_changed_images"]
    search.resume_search(run, again(run, **dict.fromkeys(flags[1:], True)), console)
    commands[command]()

    assert load_config(RunFolder(run)).skip_bad_images


def test_trainings_on_earlier_images_are_counted_and_done_again(
    asked: SearchRequest, console: Console, pictures: Path
) -> None:
    search.start_search(asked, console)
    run: Path = asked.run  # type: ignore[assignment]
    confirmation = ConfirmRequest(run_dir=run, seeds=1, most_seeds=1, wandb="off", workers=1)
    ablation = AblateRequest(network=f"{run}:0", seeds=2, epochs=2, wandb="off", workers=1)
    confirm(confirmation, console)
    ablate(ablation, console)
    files = sorted(run.glob("replications/epochs-2/*/seed-*.json"))
    before = {file: json.loads(file.read_text()) for file in files}
    for file in files[::2]:  # as earlier versions wrote them
        unmarked = {name: value for name, value in before[file].items() if name not in ("images", "seal")}
        write_checked(file, unmarked)
    save_12_bits(np.full((8, 8), 200), pictures / "train/dark/03.png")
    search.resume_search(run, again(run, accept_changed_images=True), console)
    said_before = len(said_on(console))

    confirm(confirmation, console)
    ablate(ablation, console)

    after = {file: json.loads(file.read_text()) for file in files}
    assert said_on(console)[said_before:].count("on images that have changed since: left out, done again") == 2
    assert all(after[file]["images"] != before[file]["images"] for file in files)
    assert len({result["images"] for result in after.values()}) == 1
    said_before = len(said_on(console))
    confirm(confirmation, console)
    assert "on images that have changed since" not in said_on(console)[said_before:]


def test_changed_images_are_only_accepted_when_resuming() -> None:
    with pytest.raises(InputError, match="--accept-changed-images: needs --resume"):
        SearchRequest(accept_changed_images=True).check()


class TestRetraining:
    """The weights are saved before the test."""

    @pytest.fixture
    def run(self, asked: SearchRequest, console: Console, on_disk: None) -> Path:
        """A finished search."""
        search.start_search(asked, console)
        assert asked.run is not None
        return asked.run

    def folder(self, run: Path) -> Path:
        (folder,) = (run / "retrain").iterdir()
        return folder

    def test_the_weights_are_on_disk_when_the_first_test_image_is_read(
        self, run: Path, console: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = []
        place = retraining.place

        def looked(*arguments: Any, **more: Any) -> Any:
            there.append(sorted(file.name for file in self.folder(run).iterdir() if not file.name.startswith(".")))
            return place(*arguments, **more)

        monkeypatch.setattr(retraining, "place", looked)
        retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console)

        assert there == [["architecture.yaml", "checkpoint.safetensors", "weights.safetensors"]]

    @pytest.mark.parametrize("error", [InputError("x.png: cannot be read"), MemoryError(), OSError("gone")])
    def test_after_a_failed_test_the_same_command_continues_with_the_test(
        self, run: Path, console: Console, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        request = RetrainRequest(run_dir=run, epochs=2, wandb="off")
        with monkeypatch.context() as patched:

            def fail(*_: Any, **__: Any) -> Any:
                raise error

            patched.setattr(retraining, "place", fail)
            with pytest.raises(type(error)) as failed:
                retrain.retrain(request, console)
        assert "the same command continues with the test" in failed.value.__notes__[0]
        assert load_trained(self.folder(run)).class_names == ("dark", "light")
        assert read_result(self.folder(run)) is None

        trained_again: list[int] = []
        train = retraining.train

        def watched(trainer: Any) -> Iterator[Any]:
            for epoch in train(trainer):
                trained_again.append(epoch.epoch)
                yield epoch

        monkeypatch.setattr(retraining, "train", watched)
        retrain.retrain(request, console)

        assert trained_again == []
        assert read_result(self.folder(run)) is not None

    def test_a_replaced_test_image_can_be_accepted(
        self, run: Path, console: Console, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decoded_store, "SPARE_BYTES", 1 << 60)
        monkeypatch.setenv("XDG_CACHE_HOME", str(run.parent / "user"))  # none were decoded before
        bad = pictures / "test/light/03.png"
        place = retraining.place

        def cut_first(*arguments: Any, **more: Any) -> Any:
            cut(bad)
            return place(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(retraining, "place", cut_first)
            with pytest.raises(InputError, match=r"03\.png: cannot be read as an image"):
                retrain.retrain(RetrainRequest(run_dir=run, epochs=2, wandb="off"), console)
        save_12_bits(np.full((8, 8), 200), bad)
        with pytest.raises(InputError, match="--accept-changed-images"):
            retrain.retrain(RetrainRequest(run_dir=run, epochs=2, wandb="off"), console)
        monkeypatch.setattr(retraining, "train", lambda trainer: iter(()))
        accepted = RetrainRequest(run_dir=run, epochs=2, wandb="off", accept_changed_images=True)
        retrain.retrain(accepted, console)

        assert read_result(self.folder(run)) is not None
        assert len(load_config(RunFolder(run)).earlier_images) == 1

    def test_a_retraining_on_earlier_images_is_not_taken_for_one_on_these(
        self, run: Path, console: Console, pictures: Path
    ) -> None:
        request = RetrainRequest(run_dir=run, epochs=1, wandb="off", accept_changed_images=True)
        retrain.retrain(request, console)
        save_12_bits(np.full((8, 8), 200), pictures / "train/dark/03.png")

        with pytest.raises(InputError, match="trained with another recipe of that name, or on other images"):
            retrain.retrain(request, console)

    def test_predict_reads_an_image_by_the_scale_of_the_training_images(
        self, run: Path, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console)
        save_12_bits(np.full((8, 8), 10), tmp_path / "dark.png")  # by itself, a full 8 bits
        seen: list[torch.Tensor] = []
        shares = predict_command._shares

        def seen_shares(model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
            seen.extend(pixels)
            return shares(model, pixels)

        monkeypatch.setattr(predict_command, "_shares", seen_shares)

        predict(PredictRequest(retrained=self.folder(run), images=(tmp_path / "dark.png",)), console, console)

        assert seen[0].unique().tolist() == [10]
