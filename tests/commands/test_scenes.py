"""Places365 from the search to the tested network, on a folder of the same layout."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import start_search
from se_nas.runs.retrained_files import read_result
from tests.data.folders.test_lists import places_of

SCENES = """\
# Question: for tests.
name: scenes
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages:
  - {width: 8, stride: 2}
  - {width: 16, stride: 2}
"""
"""A space with a fixed trunk, like that of ResNet-50: its baselines differ from a trial in their SE only."""


def test_scenes_are_searched_retrained_and_tested_on_the_given_validation_images(
    tmp_path: Path, request_tiny: SearchRequest, console: Console
) -> None:
    (tmp_path / "places").mkdir()
    places_of(tmp_path / "places", "256", "val_256")
    space = tmp_path / "scenes.yaml"
    space.write_text(SCENES)
    source = f"places365:{tmp_path / 'places'}"

    start_search(replace(request_tiny, data=source, space=space, budget=2, epochs=1, fraction=0.5), console)
    retrain(RetrainRequest(run_dir=tmp_path / "run", epochs=1, baselines=True, wandb="off"), console)

    results = [read_result(folder) for folder in sorted((tmp_path / "run" / "retrain").iterdir())]
    assert [result.test_images for result in results if result] == [6, 6, 6]
    assert all(result and result.classes == ["airfield", "apartment_building/outdoor"] for result in results)
    assert len({result.fingerprint for result in results if result and result.se == ["none", "none"]}) == 1
