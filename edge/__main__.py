"""`python -m edge` is `guankou-gate`."""

from edge.cli import main

main()
