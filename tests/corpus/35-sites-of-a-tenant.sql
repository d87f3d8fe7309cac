-- before
CREATE SCHEMA iot;
CREATE TABLE iot.tenants (id uuid PRIMARY KEY, name text);
CREATE TABLE iot.sites (tenant uuid REFERENCES iot.tenants (id), no integer, city text, PRIMARY KEY (tenant, no));
CREATE TABLE iot.devices (serial text PRIMARY KEY, tenant uuid NOT NULL REFERENCES iot.tenants (id), site integer, firmware text);
INSERT INTO iot.tenants SELECT md5(n::text)::uuid, 'tenant ' || n FROM generate_series(1, 4) n;
INSERT INTO iot.sites SELECT md5((n % 4 + 1)::text)::uuid, n, 'city ' || n FROM generate_series(1, 20) n;
INSERT INTO iot.devices SELECT 'D' || n, md5((n % 4 + 1)::text)::uuid, CASE WHEN n <= 20 THEN n END, '1.0' FROM generate_series(1, 60) n;

-- direct
CREATE TABLE iot.sites_history (tenant uuid, site integer, valid_from timestamptz DEFAULT clock_timestamp(),
  valid tstzrange GENERATED ALWAYS AS (tstzrange(valid_from, null)) STORED, "row" jsonb NOT NULL, PRIMARY KEY (tenant, site, valid_from),
  CONSTRAINT history_site FOREIGN KEY (tenant, site) REFERENCES iot.sites (tenant, no) ON DELETE CASCADE ON UPDATE CASCADE);
COMMENT ON COLUMN iot.sites_history."row" IS 'the row as it was';
ALTER TABLE iot.devices ADD CONSTRAINT devices_site FOREIGN KEY (tenant, site) REFERENCES iot.sites (tenant, no) ON DELETE SET NULL (site),
  DROP CONSTRAINT devices_tenant_fkey;
CREATE INDEX devices_by_site ON iot.devices (tenant, site);

-- writes
INSERT INTO iot.devices (serial, tenant, firmware) SELECT 'N' || count(*), md5('2')::uuid, '2.0' FROM iot.devices ON CONFLICT DO NOTHING;
UPDATE iot.devices SET firmware = '1.1' WHERE serial = 'D7';
DELETE FROM iot.sites WHERE no = 9 AND NOT EXISTS (SELECT FROM iot.devices WHERE site = 9);
UPDATE iot.devices SET site = NULL WHERE serial = 'D9';
