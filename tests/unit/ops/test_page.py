"""The status page: all of its own, and no more allowed than it needs."""

import base64
import hashlib
import re

from bridge.ops.page import load_page


def test_the_policy_allows_the_page_its_own_style_and_script_and_nothing_else() -> None:
    page = load_page()
    script = page.html.partition("<script>")[2].partition("</script>")[0]
    style = page.html.partition("<style>")[2].partition("</style>")[0]

    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    assert page.content_security_policy == (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = load_page().html

    assert re.findall(r"https?:|//[a-z]|@import|url\(", html) == []
    assert set(re.findall(r'(?:src|href)="([^"]*)"', html)) == {"data:,", "/status", "/readyz", "/metrics"}


def test_what_comes_from_the_network_is_only_ever_shown_as_text() -> None:
    html = load_page().html

    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\son[a-z]+=", html) == []


def test_the_page_fits_a_phone_and_the_dark() -> None:
    html = load_page().html

    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "@media (prefers-color-scheme: dark)" in html
