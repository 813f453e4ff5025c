"""Asterisk and FreePBX: the connection to their manager interface, calls begun there, recordings of what they say."""
