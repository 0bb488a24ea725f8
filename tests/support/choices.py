"""Trying every way a small scenario can go: each run asks for its choices, and the next run takes the next way."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """One way through a scenario. The first option of each choice is the one where nothing goes wrong."""

    def __init__(self, taken: Sequence[int], budget: int) -> None:
        self._planned = list(taken)
        self._budget = budget
        self.taken: list[int] = []
        self.widths: list[int] = []

    def pick(self, options: Sequence[T]) -> T:
        """Choose; once the budget of troubles is spent, always the first option."""
        width = len(options) if sum(1 for choice in self.taken if choice) < self._budget else 1
        position = len(self.taken)
        choice = self._planned[position] if position < len(self._planned) else 0
        self.taken.append(choice)
        self.widths.append(width)
        return options[choice]


class RandomChoices(Choices):
    """Troubles by dice, a quarter of the time, until the budget is spent."""

    def __init__(self, dice: random.Random, budget: int) -> None:
        super().__init__((), budget)
        self._dice = dice

    def pick(self, options: Sequence[T]) -> T:
        if self._budget == 0 or self._dice.random() < 0.75:
            return options[0]
        self._budget -= 1
        return self._dice.choice(options)


def every_way(budget: int) -> Iterator[Choices]:
    """Every sequence of choices with at most `budget` troubles, depth first. Use each to its end before the next."""
    planned: list[int] | None = []
    while planned is not None:
        choices = Choices(planned, budget)
        yield choices
        planned = _next(choices)


def _next(choices: Choices) -> list[int] | None:
    for position in reversed(range(len(choices.taken))):
        if choices.taken[position] + 1 < choices.widths[position]:
            return [*choices.taken[:position], choices.taken[position] + 1]
    return None
