# SPDX-License-Identifier: Apache-2.0
"""A shop: shop.py NAME CERTIFICATE. What a customer takes on HTTP (port 80, /take) is in his basket,
which he may see on HTTPS (port 443, /pay). The basket is known by a cookie, and to this server alone.
"""

import itertools
import ssl
import sys
import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, CERTIFICATE = sys.argv[1:]
baskets = {}
numbers = itertools.count(1)


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("basket")
        basket = cookie.value if cookie else f"{NAME}-{next(numbers)}"
        if self.path == "/take":
            baskets[basket] = baskets.get(basket, 0) + 1
        count = baskets.get(basket, 0)
        body = f"{NAME}: {count} in the basket\n".encode()
        self.send_response(200)
        self.send_header("Set-Cookie", f"basket={basket}; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


plain = ThreadingHTTPServer(("0.0.0.0", 80), Shop)
secure = ThreadingHTTPServer(("0.0.0.0", 443), Shop)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE)
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=plain.serve_forever, daemon=True).start()
secure.serve_forever()
