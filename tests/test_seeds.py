"""Seeds depend on their purpose and on nothing else."""

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from se_nas.seeds import derive_seed

part = st.integers() | st.text("abc019", max_size=3)


def test_a_seed_is_the_start_of_a_sha256_without_its_sign_bit() -> None:
    digest = hashlib.sha256(b"0\0train\x007").hexdigest()

    assert derive_seed(0, "train", 7) == int(digest[:16], 16) // 2


def test_another_process_derives_the_same_seed() -> None:
    code = "from se_nas.seeds import derive_seed; print(derive_seed(3, 'ask', 5))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert int(printed) == derive_seed(3, "ask", 5)


@given(st.lists(part, min_size=1), st.lists(part, min_size=1))
def test_other_purposes_have_other_seeds(first: list[int | str], second: list[int | str]) -> None:
    same = list(map(str, first)) == list(map(str, second))

    assert (derive_seed(*first) == derive_seed(*second)) == same


@given(st.lists(part))
def test_torch_and_numpy_accept_a_seed(parts: list[int | str]) -> None:
    assert 0 <= derive_seed(*parts) < 2**63
