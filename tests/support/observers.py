"""An observer that remembers what it was told, for every narrow observer protocol of the bridge."""

from typing import Any


class Recorder:
    """`told` holds (method, arguments) in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def tell(*args: Any, **kwargs: Any) -> None:
            self.told.append((name, args, kwargs))

        return tell

    def names(self) -> list[str]:
        """What was told, without its arguments."""
        return [name for name, _, _ in self.told]
