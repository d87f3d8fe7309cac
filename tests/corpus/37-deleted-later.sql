-- before
CREATE SCHEMA app;
CREATE TABLE app.users (id bigint PRIMARY KEY, name text);
CREATE TABLE app.projects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer NOT NULL, name text NOT NULL, UNIQUE (tenant, name));
INSERT INTO app.users SELECT n, 'user ' || n FROM generate_series(1, 10) n;
INSERT INTO app.projects (tenant, name) SELECT n % 4, 'Project ' || n FROM generate_series(1, 50) n;

-- direct
ALTER TABLE app.projects ADD deleted_at timestamptz, ADD deleted_by bigint, DROP CONSTRAINT projects_tenant_name_key,
  ADD CONSTRAINT deleted_by_user FOREIGN KEY (deleted_by) REFERENCES app.users (id) ON DELETE SET DEFAULT,
  ADD CONSTRAINT deleted_by_somebody CHECK ((deleted_at is null) = (deleted_by is null));
CREATE UNIQUE INDEX projects_name_alive ON app.projects (tenant, lower(name)) WHERE deleted_at is null;
CREATE VIEW app.living_projects WITH (security_invoker) AS SELECT id, tenant, name FROM app.projects WHERE deleted_at IS NULL;

-- writes
INSERT INTO app.projects (tenant, name) SELECT 7, 'new ' || max(id) FROM app.projects;
UPDATE app.projects SET name = name || '.' WHERE name = 'Project 3';
DELETE FROM app.projects WHERE name LIKE 'new %' AND id % 3 = 0;
