"""`python -m upbench`."""

from upbench.cli.main import main

main()
