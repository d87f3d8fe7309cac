-- before
CREATE TABLE sites (tenant integer NOT NULL, code text NOT NULL, land text, PRIMARY KEY (tenant, code));
INSERT INTO sites SELECT n % 4, 'c' || n, 'at' FROM generate_series(1, 40) n;
ALTER TABLE sites ENABLE ROW LEVEL SECURITY;
ALTER TABLE sites FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON sites USING (tenant = nullif(current_setting('saas.tenant', true), '')::integer);
-- direct
ALTER TABLE sites NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sites ADD country text;
UPDATE sites SET country = upper(land);
ALTER TABLE sites DROP land;
ALTER TABLE sites FORCE ROW LEVEL SECURITY;
-- writes
SELECT 1;
