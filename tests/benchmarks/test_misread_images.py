from pathlib import Path

from misread_images import cases, judged


def test_every_case_of_the_table_is_read_as_it_should_be_or_refused(tmp_path: Path) -> None:
    assert [case.name for case in list(cases(tmp_path)) if not judged(case)[1]] == []
