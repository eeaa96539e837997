#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many short HTTP connections, one request each, and what became of every one of them.

Starts --rate connections a second whether the ones before are done or not (an open loop: a slow
director does not slow the load), or without --rate as many as --parallel allows. Ends after
--count of them, or with SIGTERM; waits for those under way, and prints one line of JSON:
  started, ok, failed, slow (over 0.9 s: a packet was lost and sent again), errors, answers
"""

import argparse
import collections
import json
import selectors
import signal
import socket
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: cluster\r\nConnection: close\r\n\r\n"


class Load:
    def __init__(self, options):
        self.options = options
        address, port = options.target.rsplit(":", 1)
        self.target = (address, int(port))
        self.selector = selectors.DefaultSelector()
        self.open = collections.OrderedDict()  # socket -> (started, received), oldest first
        self.result = {"started": 0, "ok": 0, "failed": 0, "slow": 0}
        self.errors = collections.Counter()
        self.answers = collections.Counter()
        self.stopping = False

    def run(self):
        next_start = time.monotonic()
        while not self.finished() or self.open:
            now = time.monotonic()
            if self.options.rate:
                while not self.finished() and next_start <= now:
                    self.start()
                    next_start += 1 / self.options.rate
                wait = max(0.0, next_start - now)
            else:
                while not self.finished() and len(self.open) < self.options.parallel:
                    self.start()
                wait = 0.1
            for key, events in self.selector.select(0.1 if self.finished() else wait):
                self.progress(key.fileobj, events)
            self.expire()
        print(json.dumps({**self.result, "errors": self.errors, "answers": self.answers}),
              flush=True)

    def finished(self):
        return self.stopping or self.result["started"] >= self.options.count

    def start(self):
        self.result["started"] += 1
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        self.open[connection] = (time.monotonic(), bytearray())
        error = connection.connect_ex(self.target)
        if error not in (0, 115):  # EINPROGRESS
            self.end(connection, f"connect: errno {error}")
            return
        self.selector.register(connection, selectors.EVENT_WRITE)

    def progress(self, connection, events):
        received = self.open[connection][1]
        try:
            if events & selectors.EVENT_WRITE:
                error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, "connect")
                connection.send(REQUEST)
                self.selector.modify(connection, selectors.EVENT_READ)
                return
            piece = connection.recv(65536)
        except OSError as error:
            self.end(connection, f"{error.strerror}: errno {error.errno}")
            return
        received += piece
        if not piece:
            head, _, body = bytes(received).partition(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 200 ") and body:
                self.answers[body.decode(errors="replace").strip()] += 1
                self.end(connection, None)
            else:
                self.end(connection, f"answer of {len(received)} bytes: {head[:40]!r}")

    def expire(self):
        while self.open:
            connection, (started, _) = next(iter(self.open.items()))
            if time.monotonic() - started < self.options.timeout:
                break
            self.end(connection, "timeout")

    def end(self, connection, error):
        started, _ = self.open.pop(connection)
        if connection in self.selector.get_map():
            self.selector.unregister(connection)
        connection.close()
        self.result["slow"] += time.monotonic() - started > 0.9
        self.result["failed" if error else "ok"] += 1
        if error:
            self.errors[error] += 1

    def stop(self, *_):
        self.stopping = True


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("target", help="ADDRESS:PORT")
parser.add_argument("--rate", type=float, default=0, help="connections a second")
parser.add_argument("--parallel", type=int, default=64, help="without --rate: open at a time")
parser.add_argument("--count", type=int, default=10**9, help="connections in all")
parser.add_argument("--timeout", type=float, default=10, help="seconds until one has failed")
load = Load(parser.parse_args())
signal.signal(signal.SIGTERM, load.stop)
load.run()
