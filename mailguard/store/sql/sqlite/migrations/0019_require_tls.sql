-- Mail whose sender demands TLS on every hop (REQUIRETLS, RFC 8689).
ALTER TABLE envelope ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;
