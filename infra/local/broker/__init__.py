"""A small Pub/Sub broker for machines without the official emulator, and for tests that need faults on demand.

It speaks google.pubsub.v1 over gRPC, so that Google's own clients talk to it, and pushes as Pub/Sub does. It keeps
nothing on disk, and refuses what it does not have (filters, ordering, streaming pull, schemas) instead of ignoring it.
"""
