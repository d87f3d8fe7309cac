-- before
CREATE TABLE t (id integer PRIMARY KEY, z integer NOT NULL UNIQUE);
CREATE TABLE c (t integer REFERENCES t (z));
INSERT INTO t SELECT n, n FROM generate_series(1, 20) n;
-- direct
ALTER TABLE t ADD y bigint; UPDATE t SET y = z; ALTER TABLE t ALTER y SET NOT NULL; ALTER TABLE t DROP z CASCADE;
-- writes
INSERT INTO c VALUES (3);
