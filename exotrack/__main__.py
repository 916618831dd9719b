"""``python -m exotrack`` is the same as ``exotrack``."""

from exotrack.cli import main

main()
