"""What ends a deployment."""


class DeployError(Exception):
    """The deployment cannot go on; the message says what is wrong and what to do."""
