"""The status page: one file of this package, with a policy that lets its own style and script run and nothing else."""

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Page:
    """The page and the policy to send it with."""

    html: str
    content_security_policy: str


def load_page() -> Page:
    """Read the page; its style and script are allowed by their hashes."""
    html = files("bridge.ops").joinpath("page.html").read_text(encoding="utf-8")
    directives = (
        "default-src 'none'",
        f"style-src {_hash_of('style', html)}",
        f"script-src {_hash_of('script', html)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return Page(html, "; ".join(directives))


def _hash_of(element: str, html: str) -> str:
    """The CSP source of the page's one element of this name."""
    (content,) = re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
