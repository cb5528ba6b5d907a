"""These tests need a browser and checkers, which only `nox -s pages` installs."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("playwright") and find_spec("pdfua") else ["test_page.py"]
