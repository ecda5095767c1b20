"""The documents state how many published networks there are."""

import json

import pytest

from se_nas.space.published import PUBLISHED
from tests.space.conftest import ROOT


@pytest.mark.parametrize(
    ("document", "known", "met"),
    [
        ("README.md", "{} published networks are known by name", "{} published counts are met"),
        ("docs/spaces.md", "{} networks are known by name", "{} published counts of parameters"),
    ],
)
def test_a_document_states_the_number_of_networks_and_of_golden_counts(document: str, known: str, met: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    golden = sum(len(json.loads(file.read_text())["networks"]) for file in (ROOT / "tests/golden").glob("families_*"))
    regnets = json.loads((ROOT / "tests/golden/regnet_published.json").read_text())["models"]

    assert known.format(len(PUBLISHED)) in text
    assert met.format(golden + len(regnets)) in text
