"""`python -m infra.local.broker --host 127.0.0.1 --port P`: the broker in a process of its own, until SIGTERM."""

import argparse
import signal

from infra.local.addresses import LOOPBACK
from infra.local.broker.server import Broker


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.local.broker", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Broker(host=arguments.host, port=arguments.port) as broker:
        print(f"broker on {broker.address}", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
