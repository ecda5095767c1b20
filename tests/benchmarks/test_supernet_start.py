"""The benchmark of the start of a search with a supernet."""

from pathlib import Path

import pytest
import supernet_start


def test_the_start_is_compared_for_good_and_for_worthless_scores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["supernet_start.py", "--repeats", "2"])

    supernet_start.main()

    front, good, *_, reversed_ = capsys.readouterr().out.splitlines()[1:]
    assert front.strip().startswith("front")
    assert float(good.split()[2]) > 0.4
    assert float(reversed_.split()[2]) < -0.1


def test_a_missing_table_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["supernet_start.py", "--table", str(tmp_path / "missing.csv")])

    with pytest.raises(SystemExit):
        supernet_start.main()

    assert "missing.csv: no such file" in capsys.readouterr().err
