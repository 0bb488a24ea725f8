"""The form of a token request (RFC 6749 §3.2). Pure."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from bridge.sandbox.sign_in.refused import INVALID_REQUEST, UNSUPPORTED_GRANT_TYPE, Refused

CONTENT_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 50


def read_form(content_type: str, body: bytes) -> Mapping[str, str]:
    """The fields; an empty one is as good as none. Raises Refused."""
    if content_type != CONTENT_TYPE:
        raise Refused(INVALID_REQUEST, f"The content type must be {CONTENT_TYPE}.")
    try:
        pairs = parse_qsl(body.decode("utf-8"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Refused(INVALID_REQUEST, "The form cannot be read.") from None
    if any(count > 1 for count in Counter(name for name, _ in pairs).values()):
        raise Refused(INVALID_REQUEST, "A parameter must not be given twice.")
    return dict(pairs)


def check_grant_type(form: Mapping[str, str], wanted: str) -> None:
    """Raises Refused."""
    if required(form, "grant_type") != wanted:
        raise Refused(UNSUPPORTED_GRANT_TYPE, f"The grant_type must be {wanted}.")


def required(form: Mapping[str, str], name: str) -> str:
    """The value of a field. Raises Refused."""
    value = form.get(name)
    if value is None:
        raise Refused(INVALID_REQUEST, f"The parameter {name} is missing.")
    return value
