import re
from pathlib import Path

import pytest

from se_nas.errors import InputError
from se_nas.space.yaml_file import MOST_BYTES, MOST_NESTING, YamlFile, read_yaml


def test_a_file_is_read_as_plain_data_with_the_line_of_each_key(write):
    file = read_yaml(write("a: 1\nb:\n  c: [x, 2.5, true, null]\n  d:\n    - e: '1'\n    - e: 2_000\n"))

    assert file.data == {"a": 1, "b": {"c": ["x", 2.5, True, None], "d": [{"e": "1"}, {"e": 2000}]}}
    assert file.lines[("a",)] == 1
    assert file.lines[("b",)] == 2
    assert file.lines[("b", "c")] == 3
    assert file.lines[("b", "d", 1)] == 6
    assert file.lines[("b", "d", 1, "e")] == 6


def test_a_byte_order_mark_and_carriage_returns_change_nothing(write):
    assert read_yaml(write("\ufeffa: 1\r\nb: 2\r\n")).data == {"a": 1, "b": 2}


def test_an_error_names_file_line_and_key():
    file = YamlFile(path=Path("f.yaml"), data={}, lines={(): 1, ("a",): 3, ("a", "b"): 4})

    assert str(file.error(("a", "b"), "wrong")) == "f.yaml:4: a.b: wrong"
    assert str(file.error(("a", "missing"), "wrong")) == "f.yaml:3: a.missing: wrong"
    assert str(file.error(("missing",), "wrong")) == "f.yaml:1: missing: wrong"


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        pytest.param("a: 1\nb:\n  c: 2\n  c: 3\n", "4: b.c:", "given twice", id="duplicate key"),
        pytest.param("a: 1\nb: &x 2\n", "2:", "anchors and aliases", id="anchor"),
        pytest.param("a: 1\nb:\n  - *x\n", "3:", "anchors and aliases", id="alias"),
        pytest.param("a:\n  b: 1\n  <<: {c: 1}\n", "3:", "plain word", id="merge key"),
        pytest.param("a: 1\n[b]: 2\n", "2:", "plain word", id="list as a key"),
        pytest.param("a: 1\nb: !!python/name:os.system ''\n", "2:", "plain values|tags", id="tag on a value"),
        pytest.param("a: 1\nb: !thing {c: 2}\n", "2:", "plain values|tags", id="tag on a mapping"),
        pytest.param("a: 1\nb: !!set {c, d}\n", "2:", "plain values|tags", id="set"),
        pytest.param("a: 1\nb: !thing [2]\n", "2:", "plain values|tags", id="tag on a list"),
        pytest.param("a: 1\nb: !new%0Aline 2\n", "2:", "plain values|tags", id="line break in a tag"),
        pytest.param("a: 1\nb: 2026-01-31\n", "2: b:", "timestamp '2026-01-31'", id="date"),
        pytest.param(f"a: 1\nb: {'9' * 5000}\n", "2: b:", "int|number", id="number of 5000 digits"),
        pytest.param('a: !!int "1\\n2"\n', "1:", "int|tags", id="line break in a number"),
        pytest.param("a: " + "[" * 60 + "]" * 60, "1:", f"nested more than {MOST_NESTING}", id="deep nesting"),
        pytest.param("a: " + "[" * 20_000, "1:", f"nested more than {MOST_NESTING}", id="very deep nesting"),
        pytest.param("- a\n- b\n", "1:", "`key: value` lines, but the file holds a list", id="list at the top"),
        pytest.param("a\n", "1:", "`key: value` lines, but the file holds a single value", id="value at the top"),
        pytest.param("", "1:", "`key: value` lines, but the file holds nothing", id="empty file"),
        pytest.param("# only this\n", "1:", "the file holds nothing", id="comments only"),
        pytest.param("a: 1\n---\nb: 2\n", "2:", "another document", id="two documents"),
        pytest.param("a: 1\n\tb: 2\n", "2:", "'\\\\t'|tab", id="tab"),
        pytest.param("a: [1, 2\nb: 3\n", "2:", "',' or ']'", id="unclosed bracket"),
        pytest.param("a: b: c\n", "1:", "not valid YAML", id="two colons"),
        pytest.param(b"a: \xff\xfe\n", "", "not a text file in UTF-8", id="not UTF-8"),
        pytest.param("a: \x00\n", "", "not valid YAML", id="NUL"),
        pytest.param("a: 1\n" * (MOST_BYTES // 5 + 1), "", f"larger than {MOST_BYTES:,} bytes", id="large file"),
    ],
)
def test_the_error_for_yaml_that_is_not_plain_names_the_line(refusal, content, where, what):
    message = refusal(read_yaml, content)

    assert message.startswith(where)
    assert re.search(what, message)


@pytest.mark.parametrize(("name", "reason"), [("missing.yaml", "No such file"), (".", "Is a directory")])
def test_the_error_for_a_path_that_is_not_a_file_gives_the_reason(tmp_path, name, reason):
    path = tmp_path / name

    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: cannot be read \({reason}.*\)$"):
        read_yaml(path)
