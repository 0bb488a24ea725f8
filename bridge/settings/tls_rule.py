"""Files of TLS: each can be read, certificate and key come together, and something uses them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from bridge.errors import ConfigurationError
from bridge.settings.given import Spelling
from bridge.settings.model import Settings
from bridge.settings.rule import Rule


def tls_files_are_of_use(group: str, *urls: str, unused: Callable[[Settings, Spelling], str | None]) -> Rule:
    """`urls`: the settings that say whether TLS is used. `unused`: why the files of the group would do nothing, as a
    clause; None where they are used.
    """

    def broken(settings: Settings, spell: Spelling) -> Iterator[str]:
        tls = getattr(settings, group).tls
        given = {f"{group}.tls.{field}": path for field, path in tls if isinstance(path, Path)}
        for name, path in given.items():
            try:
                path.open("rb").close()
            except OSError as exc:
                yield f"{spell(name)} names {path}, which cannot be read ({exc.strerror})."
        if (tls.cert_file is None) != (tls.key_file is None):
            missing = "key_file" if tls.key_file is None else "cert_file"
            yield f"{spell(f'{group}.tls.{missing}')} is missing: certificate and key are of use only together."
        try:
            why = unused(settings, spell) if given else None
        except ConfigurationError:
            return  # told where those files are read
        if why is not None:
            yield f"{spell(next(iter(given)))} is given, but {why}."

    return Rule((f"{group}.tls", *urls), broken)
