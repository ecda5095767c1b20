from pathlib import Path
from typing import Any

import pytest

from se_nas.commands.run_loading import load_progress
from se_nas.commands.supernet import trunks
from se_nas.commands.supernet.trunks import named_trunks
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.loading import load_stored_space


def test_trials_with_the_same_supernet_share_its_files(searched: Path) -> None:
    folder = RunFolder(searched)
    _, progress = load_progress(folder)
    space = load_stored_space(folder.space)
    names: dict[str, str] = {}
    for record in progress.records:
        (trunk,) = named_trunks(space, folder, progress, str(record.number), print)
        own = trunk.board.switched.fingerprint()

        assert trunk.pick == str(record.number)
        assert names.setdefault(own, trunk.name) == trunk.name
    assert len(set(names.values())) == len(names)


def test_a_network_of_the_front_without_switches_gets_a_line(searched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(searched)
    _, progress = load_progress(folder)
    space = load_stored_space(folder.space)
    usual: Any = trunks._of_trial
    refused = progress.front.members[0].number

    def of_trial(*given: Any) -> Any:
        if given[-1].number == refused:
            raise InputError("leaves no SE open")
        return usual(*given)

    monkeypatch.setattr(trunks, "_of_trial", of_trial)
    lines: list[str] = []
    if len(progress.front.members) == 1:
        with pytest.raises(InputError, match="no network of the front has a trunk with a supernet"):
            named_trunks(space, folder, progress, "front", lines.append)
    else:
        found = named_trunks(space, folder, progress, "front", lines.append)
        assert str(refused) not in {trunk.pick for trunk in found}
    assert lines == [f"left out  trial {refused}: leaves no SE open"]
