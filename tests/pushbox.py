"""A push service on this machine: it keeps what the desk hands over, and decrypts it as the browser would (RFC 8291).

`browser()` is a browser that subscribed here. `answers` is the status the service gives, 201 unless a test says so.
"""

import base64
import json
import secrets
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Browser:
    """One subscription, with the keys only its browser has."""

    endpoint: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes

    def subscription(self) -> dict[str, Any]:
        """What PushSubscription.toJSON() says."""
        point = self.private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"endpoint": self.endpoint, "keys": {"p256dh": _text(point), "auth": _text(self.auth)}}


class Pushbox:
    """Open it with `with`."""

    def __init__(self) -> None:
        self.answers = 201
        self.got: list[tuple[str, dict[str, str], bytes]] = []  # path, headers, body
        self._browsers: dict[str, Browser] = {}
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                box.got.append((self.path, headers, body))
                self.send_response(box.answers)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def origin(self) -> str:
        """What DESK_PUSH_SERVICES would say."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def browser(self) -> Browser:
        """Somebody subscribes."""
        path = f"/push/{secrets.token_hex(8)}"
        made = Browser(self.origin + path, ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16))
        self._browsers[path] = made
        return made

    def read(self) -> list[dict[str, str]]:
        """Everything that was pushed, as its browsers read it."""
        said = []
        for path, headers, body in self.got:
            assert headers["content-encoding"] == "aes128gcm"
            browser = self._browsers[path]
            text = http_ece.decrypt(body, private_key=browser.private_key, auth_secret=browser.auth)
            said.append(json.loads(text))
        return said

    def __enter__(self) -> "Pushbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
