"""`refreshctl`, the operators' command. All that it knows comes from the HTTP API."""
