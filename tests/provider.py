"""Where a mailbox's access tokens come from in tests: a provider as Microsoft's and Google's, on this machine.

Its token address speaks HTTPS and hands out what the OAuth 2.0 standard says; the IMAP server asks the other port
whether a token is good, and whose.
"""

import json
import shutil
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from tests import dovecot


class Provider:
    """Open it with `with`. `refresh_tokens` maps each good one to its user; `asked` is what the desk sent."""

    def __init__(self) -> None:
        self.refresh_tokens: dict[str, str] = {}
        self.access_tokens: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []
        self.renews = False  # hand out another refresh token each time, as Microsoft does
        self.is_down = False
        self.folder = Path(tempfile.mkdtemp(prefix="desk-provider-"))
        self._servers: list[ThreadingHTTPServer] = []

    @property
    def url(self) -> str:
        """The token address."""
        return f"https://localhost:{self._servers[0].server_port}/token"

    @property
    def introspection_port(self) -> int:
        """Where the IMAP server asks."""
        return self._servers[1].server_port

    @property
    def authority(self) -> Path:
        """The certificate that vouches for it."""
        return self.folder / "authority.pem"

    def __enter__(self) -> "Provider":
        dovecot.make_certificate(self.folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.folder / "certificate.pem", self.folder / "key.pem")
        provider = self

        class Tokens(_Quiet):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"])).decode()
                self.answer(*provider._hand_out({name: values[0] for name, values in parse_qs(sent).items()}))

        class Introspection(_Quiet):
            def do_GET(self) -> None:
                user = provider.access_tokens.get(unquote(self.path.rpartition("/")[2].partition("&")[0]), "")
                self.answer(200, {"active": "yes", "email": user} if user else {"active": "no"})

        for handler in (Tokens, Introspection):
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            if handler is Tokens:
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _hand_out(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(sent)
        if self.is_down:
            return 503, {}
        if sent.get("client_secret") != "app secret":
            return 401, {"error": "invalid_client"}
        user = self.refresh_tokens.get(sent.get("refresh_token", ""))
        if user is None:
            return 400, {"error": "invalid_grant", "error_description": f"not {sent.get('refresh_token')}"}
        access = f"access-{len(self.asked)}"
        self.access_tokens[access] = user
        told: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": 3600}
        if self.renews:
            del self.refresh_tokens[sent["refresh_token"]]
            told["refresh_token"] = f"refresh-{len(self.asked)}"
            self.refresh_tokens[told["refresh_token"]] = user
        return 200, told


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
