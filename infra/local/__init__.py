"""The embedded stack: the whole system on one machine, on loopback, without a cloud."""
