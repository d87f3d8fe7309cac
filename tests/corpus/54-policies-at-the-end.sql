-- before
CREATE SCHEMA saas;
CREATE TABLE saas.files (key text PRIMARY KEY, bytes bigint NOT NULL DEFAULT 0, etag bytea);
GRANT USAGE ON SCHEMA saas TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON saas.files TO app;
INSERT INTO saas.files SELECT n % 5 || '/file' || n, n, decode(md5(n::text), 'hex') FROM generate_series(1, 55) n;

-- direct
ALTER TABLE saas.files ADD tenant integer;
UPDATE saas.files SET tenant = split_part(key, '/', 1)::integer;
ALTER TABLE saas.files ALTER tenant SET NOT NULL;
CREATE INDEX files_of_tenant ON saas.files (tenant, key text_pattern_ops);
CREATE POLICY own_files ON saas.files USING (tenant = current_setting('saas.tenant')::integer);
ALTER TABLE saas.files ENABLE ROW LEVEL SECURITY;
REVOKE DELETE ON saas.files FROM app;

-- writes
INSERT INTO saas.files (key, bytes) SELECT '3/new' || count(*), 1 FROM saas.files ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes + files.bytes;
UPDATE saas.files SET key = CASE key WHEN '1/file6' THEN '2/file6' ELSE '1/file6' END WHERE key IN ('1/file6', '2/file6');
DELETE FROM saas.files WHERE key = '4/file9';
