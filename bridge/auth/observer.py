"""What sign-in tells the rest of the program, as a narrow port: its other side makes the log line and the metric."""

from datetime import datetime
from typing import Protocol

from bridge.auth.diagnosis import Diagnosis


class SignInObserver(Protocol):
    """Told as it happens, from the event loop; must not block or raise."""

    def token_obtained(self, issuer: str, expires_at: datetime) -> None:
        """A token came and is valid until `expires_at` (aware, by our clock)."""
        ...

    def trouble(self, diagnosis: Diagnosis) -> None:
        """Work goes on for now (the old token lives, the last good key is used), but a person should know."""
        ...
