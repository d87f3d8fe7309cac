-- before
CREATE TABLE t (id integer PRIMARY KEY, z text, w text);
INSERT INTO t SELECT n, 'z' FROM generate_series(1, 20) n;
CREATE VIEW v AS SELECT id, z FROM t;
CREATE RULE r AS ON UPDATE TO t DO ALSO NOTHING;
-- direct
DROP VIEW v; ALTER TABLE t ADD y text; UPDATE t SET y = upper(z); ALTER TABLE t ALTER y SET NOT NULL, DROP z;
-- writes
UPDATE t SET w = 'x' WHERE id = 3;
