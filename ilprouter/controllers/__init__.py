"""Controllers: local answers behind a loopback link. They never forward a packet."""
