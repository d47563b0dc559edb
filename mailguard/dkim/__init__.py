"""DKIM (RFC 6376, 8301, 8463): a domain's signature over a mail as it leaves."""
