"""Five hundred generated YAML files. Each is accepted, or refused with one line, quickly and with little memory."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import psutil
import pytest
import yaml

from se_nas.commands.describe.describe import describe
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.process.command_line import run
from se_nas.space.files.loading import load_design_space
from se_nas.training.recipe_file import load_recipe

ROOT = Path(__file__).parents[2]
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))
SHIPPED = [path.read_text() for path in [*SPACES, *sorted((ROOT / "recipes").glob("*.yaml"))]]
ODD = ["", "~", "1e9", "-1", ".inf", ".nan", "0x7fffffff", "9" * 24, "true", "[]", "{}", "'1'", "é", "\u202e"]
SPECIAL = "{}[]:,-?*&!|>'\"%@`# \n\t\x00\x1b\ufeff\U0001f600aZ09.~="
MEMORY_GROWTH_BYTES = 500 << 20


def as_shipped(rng: Random) -> str:
    return rng.choice(SHIPPED)


def an_architecture(rng: Random) -> str:
    space = load_design_space(rng.choice(SPACES))
    return yaml.safe_dump(space.decode(space.sample(rng)).to_dict())


def any_good(rng: Random) -> str:
    return rng.choice([as_shipped, an_architecture])(rng)


def a_line_off(rng: Random) -> str:
    lines = any_good(rng).split("\n")
    place = rng.randrange(len(lines))
    line = lines[place]
    lines[place : place + 1] = rng.choice([[], [line, line], [" " + line], [line[1:]], [line + ":"], [line[::-1]]])
    return "\n".join(lines)


def a_word_off(rng: Random) -> str:
    words = any_good(rng).split(" ")
    words[rng.randrange(len(words))] = rng.choice(ODD)
    return " ".join(words)


def a_letter_off(rng: Random) -> str:
    text = any_good(rng)
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(SPECIAL) + text[place + rng.randrange(2) :]


def cut(rng: Random) -> str:
    text = any_good(rng)
    return text[: rng.randrange(len(text))]


def spliced(rng: Random) -> str:
    return cut(rng) + any_good(rng)[::-1][: rng.randrange(200)][::-1]


def garbage(rng: Random) -> str:
    return "".join(rng.choice(SPECIAL) for _ in range(rng.randrange(1, 400)))


def huge(rng: Random) -> str:
    count = rng.choice([1_000, 100_000, 400_000])
    return any_good(rng) + rng.choice(
        [
            "\nmore: [" + "1, " * count + "]",
            "\n" + "k" * count + ": 1",
            "\n" + "\n".join(f"k{number}: 1" for number in range(count // 10)),
            "\n#" + " " * 4 * count,
            "\nseed: " + "9" * count,
        ]
    )


def deep(rng: Random) -> str:
    depth = rng.choice([40, 60, 1_000, 50_000])
    shapes = ["[" * depth, "{a: " * depth, "- " * depth + "x", "? " * depth, "a: " + "[" * depth + "]" * depth]
    nested = "\n".join(" " * level + "a:" for level in range(min(depth, 1_000)))
    return rng.choice([*shapes, nested])


def bomb(rng: Random) -> str:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, rng.choice([3, 30])))
    merged = "a: &a {x: 1}\nb: {<<: *a}\n"
    tagged = f"a: !!{rng.choice(['python/name:os.system', 'set', 'binary', 'omap', 'timestamp'])} x\n"
    return rng.choice(["l0: &l0 lol\n" + levels, merged, tagged, "a: &a [*a]\n"])


KINDS = [as_shipped, an_architecture, a_line_off, a_word_off, a_letter_off, cut, spliced, garbage, huge, deep, bomb]


@pytest.mark.usefixtures("launched_here")
@pytest.mark.parametrize("first", [0, 50, *(pytest.param(n, marks=pytest.mark.slow) for n in range(100, 500, 50))])
def test_a_generated_file_is_accepted_or_refused_with_one_line(
    first: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], console: object
) -> None:
    path = tmp_path / "given.yaml"
    loaders: list[Callable[[], object]] = [
        lambda: load_design_space(path),
        lambda: load_recipe(path, epochs=None, usual_epochs=1),
        lambda: describe(DescribeRequest(network=str(path), image_size=32), console),  # type: ignore[arg-type]
    ]
    before = psutil.Process().memory_info().rss
    for seed in range(first, first + 50):
        kind = KINDS[seed % len(KINDS)]
        path.write_text(kind(Random(seed)), encoding="utf-8", errors="surrogatepass")
        for load in loaders:
            with pytest.raises(SystemExit) as end:
                run(lambda load=load: load(), prog="launch")  # type: ignore[misc]
            told = capsys.readouterr().err

            assert end.value.code in (0, 2), (seed, told)
            assert told.count("\n") == (1 if end.value.code else 0), (seed, told)
            assert len(told) < 1_000, (seed, told)
            assert told.rstrip("\n").isprintable(), (seed, told)
            assert psutil.Process().memory_info().rss - before < MEMORY_GROWTH_BYTES, (seed, kind.__name__)
