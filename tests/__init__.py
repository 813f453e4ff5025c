"""The specification: read the names of the tests, room by room, and you have read the manual."""
