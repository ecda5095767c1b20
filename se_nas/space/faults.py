"""Reasons why an assignment gives no network. They say which part of a search space is at fault."""


class StageError(ValueError):
    """A stage cannot be built. `index` is its place, from 0."""

    def __init__(self, message: str, *, index: int) -> None:
        super().__init__(message)
        self.index = index


class RuleError(ValueError):
    """A network breaks one of the design rules that a space sets."""


class StageAttentionError(StageError):
    """The attention of a stage cannot be built. `kind` is the name of its kind."""

    def __init__(self, message: str, *, index: int, kind: str) -> None:
        super().__init__(message, index=index)
        self.kind = kind
