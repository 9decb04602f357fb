"""What may go wrong between publisher and subscriber. A test gives the broker a subclass that says so."""

from collections.abc import Sequence

from infra.local.broker.message import Message


class Faults:
    """No faults. Every method is asked under the broker's lock, so it must not wait. `subscription` is a full name."""

    def copies(self, subscription: str, message: Message) -> Sequence[float]:
        """After how many seconds each copy becomes deliverable: none drops the message, two deliver it twice."""
        return (0.0,)

    def order(self, subscription: str, ready: Sequence[Message]) -> Sequence[int]:
        """The positions of the deliverable messages in the order in which they are delivered."""
        return range(len(ready))

    def loses_ack(self, subscription: str, message: Message, attempt: int) -> bool:
        """Whether the acknowledgement of this delivery goes missing, so that it is delivered again."""
        return False
