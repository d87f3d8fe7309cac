-- before
CREATE SCHEMA docs;
CREATE TABLE docs.tenants (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE docs.documents (id bigint PRIMARY KEY, path text NOT NULL);
CREATE TABLE docs.versions (document bigint REFERENCES docs.documents (id) ON DELETE CASCADE, n integer, storage_key text NOT NULL, PRIMARY KEY (document, n));
INSERT INTO docs.tenants SELECT n, 'tenant ' || n FROM generate_series(1, 5) n;
INSERT INTO docs.documents SELECT n, '/' || n % 5 + 1 || '/doc' || n FROM generate_series(1, 40) n;
INSERT INTO docs.versions SELECT n, v, n % 5 + 1 || ':blob' || n || '.' || v FROM generate_series(1, 40) n, generate_series(1, 2) v;

-- direct
ALTER TABLE docs.documents ADD tenant_id integer;
ALTER TABLE docs.versions ADD tenant_id integer DEFAULT 0;
UPDATE docs.documents SET tenant_id = split_part(path, '/', 2)::integer;
UPDATE docs.versions SET tenant_id = split_part(storage_key, ':', 1)::integer;
ALTER TABLE docs.documents ALTER tenant_id SET NOT NULL, ADD CONSTRAINT documents_tenant FOREIGN KEY (tenant_id) REFERENCES docs.tenants (id),
  ADD CONSTRAINT documents_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE docs.versions ALTER tenant_id SET NOT NULL;
CREATE INDEX versions_by_tenant ON docs.versions (tenant_id, document);

-- writes
INSERT INTO docs.documents SELECT max(id) + 1, '/2/new' FROM docs.documents;
INSERT INTO docs.versions SELECT max(id), 1, '2:new' FROM docs.documents;
UPDATE docs.versions SET storage_key = storage_key || 'x' WHERE document = 4;
DELETE FROM docs.documents WHERE id = 9;
