"""Xception: Chollet, arXiv 1610.02357, figure 5, as in timm's xception.py and pytorchcv's xception.py.

`legacy_xception` is timm's name.
"""

from collections.abc import Mapping

from se_nas.space.architecture import Architecture
from se_nas.space.families.xception import Form, Growth, XceptionBlock
from se_nas.space.parts.stage import Segment, Stage
from se_nas.space.parts.stem import Stem, StemConv
from se_nas.space.published.network import PublishedNetwork

STEM = Stem(
    convs=(
        StemConv(kernel=3, stride=2, width=32, padded=False),
        StemConv(kernel=3, stride=1, width=64, padded=False),
    )
)


def _xception() -> Architecture:
    entry = XceptionBlock(convolutions=2)
    plain = XceptionBlock(convolutions=1, form=Form.PLAIN)
    stages = (
        [_segment(XceptionBlock(convolutions=2, form=Form.FIRST), 1, 128, 2)],
        [_segment(entry, 1, 256, 2)],
        [_segment(entry, 1, 728, 2), _segment(XceptionBlock(convolutions=3), 8, 728, 1)],
        [
            _segment(XceptionBlock(convolutions=2, grows=Growth.LAST), 1, 1024, 2),
            _segment(plain, 1, 1536, 1),
            _segment(plain, 1, 2048, 1),
        ],
    )
    return Architecture(stem=STEM, stages=tuple(Stage(segments=tuple(segments)) for segments in stages))


def _segment(block: XceptionBlock, depth: int, width: int, stride: int) -> Segment:
    return Segment(block=block, depth=depth, width=width, stride=stride, se=(None,) * depth)


XCEPTIONS: Mapping[str, PublishedNetwork] = {
    "xception": PublishedNetwork(build=_xception, image_size=299),
    "legacy_xception": PublishedNetwork(build=_xception, image_size=299),
}
