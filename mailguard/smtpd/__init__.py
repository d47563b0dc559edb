"""Mail in: everything between a client's connection and `accept`."""
