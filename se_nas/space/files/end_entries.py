"""The keys of stem, tail and norm in YAML files."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field

from se_nas.space.activation import Activation
from se_nas.space.parts.norm import Norm
from se_nas.space.parts.stem import Pool, Stem, StemConv
from se_nas.space.parts.tail import Tail
from se_nas.space.settings import MOST_WIDTH, Stride, Width, choice_of, read_by
from se_nas.space.trunks.trunk import Ends, FixedStem, StemChoices
from se_nas.space.yaml_file import Entry, YamlFile, parse_part

ActivationName: TypeAlias = Annotated[Any, *read_by(choice_of(Activation).value)]
PoolName: TypeAlias = Annotated[Any, *read_by(choice_of(Pool).value)]


class _OpenStem(Entry):
    """A stem of one 3×3 convolution in a search space."""

    width: Width
    stride: Stride


class _PlainStem(Entry):
    """A stem of one 3×3 convolution in the file of a single network."""

    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(default=2, ge=1, le=4)


class _Conv(Entry):
    kernel: int = Field(ge=1, le=15)
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(default=1, ge=1, le=4)
    padded: bool = True
    bare: bool = False


class _WrittenStem(Entry):
    convs: list[_Conv] = Field(min_length=1, max_length=8)
    pool: PoolName = Pool.NONE
    activation: ActivationName = Activation.RELU


class _Tail(Entry):
    norm: bool = False
    conv: int | None = Field(default=None, ge=1, le=MOST_WIDTH)
    hidden: int | None = Field(default=None, ge=1, le=MOST_WIDTH)
    hidden_bias: bool = True
    classifier_bias: bool = True
    activation: ActivationName = Activation.RELU


class _Norm(Entry):
    epsilon: float = Field(default=1e-5, gt=0, lt=1)
    momentum: float = Field(default=0.1, gt=0, le=1)


END_KEYS = ("stem", "tail", "norm")


def parse_ends(file: YamlFile) -> Ends:
    """The ends of a search space. InputError for keys that do not fit."""
    data = file.data["stem"]
    stem: StemChoices | FixedStem
    if _is_written(data):
        stem = FixedStem(stem=_written_stem(data, file))
    else:
        entry = parse_part(_OpenStem, data, ("stem",), file)
        stem = StemChoices(width=entry.width, stride=entry.stride)
    return Ends(stem=stem, tail=_tail(file), norm=_norm(file))


def parse_written_ends(file: YamlFile) -> tuple[Stem, Tail, Norm]:
    """The ends in the file of a single network. Without the key `stem`, the stem is that of the published RegNets."""
    data = file.data.get("stem", {"width": 32, "stride": 2})
    if _is_written(data):
        return _written_stem(data, file), _tail(file), _norm(file)
    entry = parse_part(_PlainStem, data, ("stem",), file)
    return Stem.plain(width=entry.width, stride=entry.stride), _tail(file), _norm(file)


def _is_written(data: Any) -> bool:
    """Whether a stem is written convolution by convolution."""
    return isinstance(data, dict) and "convs" in data


def _written_stem(data: Any, file: YamlFile) -> Stem:
    entry = parse_part(_WrittenStem, data, ("stem",), file)
    convs = []
    for index, each in enumerate(entry.convs):
        try:
            convs.append(
                StemConv(kernel=each.kernel, stride=each.stride, width=each.width, padded=each.padded, bare=each.bare)
            )
        except ValueError as error:
            raise file.error(("stem", "convs", index), str(error)) from None
    return Stem(convs=tuple(convs), pool=Pool(entry.pool), activation=Activation(entry.activation))


def _tail(file: YamlFile) -> Tail:
    entry = parse_part(_Tail, file.data.get("tail", {}), ("tail",), file)
    return Tail(
        norm=entry.norm,
        conv=entry.conv,
        hidden=entry.hidden,
        hidden_bias=entry.hidden_bias,
        classifier_bias=entry.classifier_bias,
        activation=Activation(entry.activation),
    )


def _norm(file: YamlFile) -> Norm:
    entry = parse_part(_Norm, file.data.get("norm", {}), ("norm",), file)
    return Norm(epsilon=entry.epsilon, momentum=entry.momentum)
