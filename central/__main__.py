"""`python -m central` is `guankou-central`."""

from central.cli import main

main()
