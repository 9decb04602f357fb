"""Deploys an environment: checks, Terraform, migrations, functions, and the way back. `deploy.sh` is the door."""
