"""The values of the option `drain_probe`: the built-in probe, or a URL that the server reads itself."""

CONNECTIONS = "connections"
FORM = r"(connections|https?://[^\s\x00-\x1f'\"\\]+)?"
