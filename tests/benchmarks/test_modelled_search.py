"""A replay of searches on a model says in one line which folders it cannot use."""

from pathlib import Path

import modelled_search
import pytest


@pytest.mark.parametrize("fault", ["missing", "empty"])
def test_a_folder_that_is_no_search_gets_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    folder = tmp_path / "run"
    if fault == "empty":
        folder.mkdir()
    monkeypatch.setattr("sys.argv", ["modelled_search.py", str(folder)])

    with pytest.raises(SystemExit):
        modelled_search.main()

    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"modelled_search.py: error: {folder}: not the run folder of a search")
