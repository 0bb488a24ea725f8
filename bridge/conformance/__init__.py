"""What any consumer of the bridge's events must survive, sent to its queue; and a verdict by what it says it handled.

series (what is sent, and what must come of it) -> run (publish, wait) -> verdict. Pure but for `run`.
"""
