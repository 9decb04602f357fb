"""The web page: made on the server, over the same calls as everybody else's."""
