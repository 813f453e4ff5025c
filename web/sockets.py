"""The server's end of a websocket, with a way for frames that are the same for many.

uvicorn makes a frame of each text for each socket, and each text passes some ten calls on its way. Whoever has said the
same to a hundred sockets has spent a hundred times what the system needs to send it. So the scope of a socket here
carries an extension, `lines.PUSH`: it writes a frame that is made already to the connection, if that takes it.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from web.lines import PUSH


class Protocol(WebSocketsSansIOProtocol):
    """uvicorn's own, and the extension."""

    def handle_connect(self, event: Request) -> None:
        """The browser asks for a socket."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][PUSH] = self.push  # type: ignore[assignment]

    def push(self, frame: bytes) -> bool:
        """Write a whole frame; False where the connection has enough to send already, is not open yet, or closes."""
        is_open = self.handshake_complete and not self.close_sent and not self.disconnected
        if not is_open or not self.writable.is_set() or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True
