"""Which version of the program this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("medical-account-ledger")
except PackageNotFoundError:
    # run from a folder that was never installed
    VERSION = "unknown"
