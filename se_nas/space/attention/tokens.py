"""Tokens: the short written form of channel attention in files, tables and records, e.g. `none` or `inner/4`."""

from collections.abc import Collection, Iterable

from se_nas.space.attention import ATTENTIONS, DEFAULT_ATTENTION
from se_nas.space.attention.attention import ChannelAttention
from se_nas.wording import suggest

NONE = "none"
"""The token of a block without attention."""


def format_token(attention: ChannelAttention | None) -> str:
    """The token of an attention: `NAME:...`, but for SE without a name in front, e.g. `inner/4`."""
    if attention is None:
        return NONE
    return attention.token if attention.name == DEFAULT_ATTENTION else f"{attention.name}:{attention.token}"


def format_tokens(attention: Iterable[ChannelAttention | None]) -> str:
    """The token of equal blocks. If blocks differ, one token for each, joined by commas."""
    tokens = [format_token(each) for each in attention]
    return tokens[0] if len(set(tokens)) == 1 else ",".join(tokens)


def parse_token(token: str, *, sites: Collection[str] | None = None) -> ChannelAttention | None:
    """Read a token that `format_token` wrote. The ValueError describes the form of a token.

    If `sites` are given, the attention must be at one of them.

    >>> parse_token("inner/4").hidden_width(block_width_in=32, site_width=64)
    8
    >>> parse_token("none") is None
    True
    """
    if token == NONE:
        return None
    name, colon, rest = token.partition(":")
    if not colon:
        name, rest = DEFAULT_ATTENTION, token
    if name not in ATTENTIONS:
        raise ValueError(f"{token!r} names no channel attention; {suggest(name, ATTENTIONS)}")
    kind = ATTENTIONS[name]
    try:
        attention = kind.parse(rest)
        if sites is not None and attention.site not in sites:
            raise ValueError(rest)
    except ValueError:
        prefix = f"{name}:" if colon else ""
        forms = " or ".join(f"`{prefix}{form}`" for form in kind.token_forms)
        places = f" (sites: {', '.join(sites)})" if sites is not None else ""
        raise ValueError(f"an attention is `{NONE}`, {forms}{places}, but got {token!r}") from None
    return attention
