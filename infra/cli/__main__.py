"""`python -m infra.cli`, the same as `refreshctl`."""

from infra.cli.app import main

main()
