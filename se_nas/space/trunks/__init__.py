"""Descriptions of a trunk: stage by stage, or by the laws below. A trunk has no attention."""

from se_nas.space.trunks.efficientnet_entries import EfficientNetNetwork, EfficientNetSpace
from se_nas.space.trunks.law import NetworkLaw, SpaceLaw
from se_nas.space.trunks.regnet_entries import RegNetNetwork, RegNetSpace

SPACE_LAWS: dict[str, type[SpaceLaw]] = {"regnet": RegNetSpace, "efficientnet": EfficientNetSpace}
"""The laws in a search space, by their key."""

NETWORK_LAWS: dict[str, type[NetworkLaw]] = {"regnet": RegNetNetwork, "efficientnet": EfficientNetNetwork}
"""The laws in the file of a single network, by their key."""
