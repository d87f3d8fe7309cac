-- before
CREATE SCHEMA claims;
CREATE TABLE claims.claims (no text PRIMARY KEY, status text NOT NULL DEFAULT 'new' CONSTRAINT claims_status_check CHECK (status IN ('new', 'open', 'paid', 'refused')), cents bigint);
INSERT INTO claims.claims SELECT 'C' || n, (ARRAY['new', 'open', 'paid', 'refused'])[n % 4 + 1], n FROM generate_series(1, 44) n;

-- direct
ALTER TABLE claims.claims DROP CONSTRAINT claims_status_check;
ALTER TABLE claims.claims ADD CONSTRAINT claims_status_check CHECK (status in ('new', 'open', 'paid', 'refused', 'withdrawn'));

-- writes
INSERT INTO claims.claims (no) SELECT 'N' || count(*) FROM claims.claims ON CONFLICT DO NOTHING;
UPDATE claims.claims SET status = 'open' WHERE status = 'new' AND cents = 4;
DELETE FROM claims.claims WHERE no = 'C8';
