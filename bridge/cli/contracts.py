"""`bridge contracts`: the AsyncAPI document and the JSON Schemas of all events, as files."""

from pathlib import Path

import click

from bridge.errors import ConfigurationError
from bridge.events.contracts import documents


@click.command(name="contracts")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to; made if it is not there. Files of the same names are overwritten, others left alone.",
)
def command(*, out: Path) -> None:
    """Write an AsyncAPI 3 document and a JSON Schema of each event, for consumers and their tools.

    They say what this version publishes, with the default names of exchanges, and need no settings.
    """
    for name, content in documents().items():
        path = out / name
        try:
            out.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise ConfigurationError(
                f"The contracts cannot be written to {click.format_filename(path)} ({error.strerror}): "
                "give --out a directory that can be written."
            ) from error
        click.echo(click.format_filename(path))
