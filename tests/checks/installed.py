"""Exits with 0 if all packages in its arguments, NAME or NAME==VERSION, are installed in this Python environment."""
import importlib.metadata
import sys


def installed(requirement):
    name, _, version = requirement.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return found.partition("+")[0] == version or not version


sys.exit(0 if all(map(installed, sys.argv[1:])) else 1)
