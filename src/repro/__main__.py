"""`python -m repro` is the same as `repro`."""

import sys

from repro.cli import main

sys.exit(main())
