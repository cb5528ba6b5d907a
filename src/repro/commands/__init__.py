"""The commands, a function each: its docstring is its help, and it imports what it needs when it is called.

So `--help` answers at once, and rendering never loads torch.
"""

# In the order of the help.
# isort: off
from repro.commands import run, stages, report, prepare

# isort: on
__all__ = ["prepare", "report", "run", "stages"]
