-- Policy that became stricter, over all mail that has not ended.

-- name: curbed
-- The holds of this name that were made since then, or are open.
SELECT scope FROM hold WHERE mail = :mail AND rule = :rule AND (made_at >= :since OR resolved_at IS NULL);
