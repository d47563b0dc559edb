"""Mail providers, simulated: as their documents say, as far as a connector to mailguard meets them."""
