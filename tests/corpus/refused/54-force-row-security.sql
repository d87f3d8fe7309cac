-- before
CREATE SCHEMA saas;
CREATE TABLE saas.sites (tenant integer NOT NULL, code text NOT NULL, PRIMARY KEY (tenant, code));
INSERT INTO saas.sites SELECT n % 4, CASE WHEN n % 2 = 0 THEN 'at' ELSE 'de' END || n FROM generate_series(1, 40) n;
ALTER TABLE saas.sites ENABLE ROW LEVEL SECURITY;
ALTER TABLE saas.sites FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON saas.sites USING (tenant = current_setting('saas.tenant', true)::integer);

-- direct
ALTER TABLE saas.sites ADD country text NOT NULL DEFAULT 'AT';

-- writes
SET saas.tenant = 2;
INSERT INTO saas.sites (tenant, code) SELECT 2, 'de' || count(*) + 100 FROM saas.sites ON CONFLICT DO NOTHING;
UPDATE saas.sites SET code = code WHERE code = 'at6';
