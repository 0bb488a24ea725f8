"""AMQP's topic patterns (0-9-1, §3.1.3.3): words between dots, `*` is one word, `#` any number of words, none included.

As RabbitMQ splits them: the empty key has no words, and two dots in a row have an empty word between them.
"""


def matches(pattern: str, routing_key: str) -> bool:
    """Whether a queue bound with `pattern` would get a message with `routing_key`.

    Time is bounded by words of the pattern times words of the key: no pattern makes it search.
    """
    words = _words(pattern)
    reached = _skip_hashes(words, {0})
    for word in _words(routing_key):
        here = {position for position in reached if position < len(words)}
        stays = {position for position in here if words[position] == "#"}
        steps = {position + 1 for position in here if words[position] in {"*", word} and words[position] != "#"}
        reached = _skip_hashes(words, stays | steps)
    return len(words) in reached


def _skip_hashes(words: list[str], positions: set[int]) -> set[int]:
    """The positions, and those behind each `#` that matches nothing."""
    reached = set(positions)
    for position in positions:
        end = position
        while end < len(words) and words[end] == "#":
            end += 1
            reached.add(end)
    return reached


def _words(text: str) -> list[str]:
    return text.split(".") if text else []
