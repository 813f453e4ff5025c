"""The face: URLs, pages, fragments, sockets. It decides nothing and writes nothing itself."""
