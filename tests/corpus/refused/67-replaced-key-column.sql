-- before
CREATE TABLE t (id integer PRIMARY KEY, z integer NOT NULL);
INSERT INTO t SELECT n, n FROM generate_series(1, 20) n;
-- direct
ALTER TABLE t ADD y bigint; UPDATE t SET y = id; ALTER TABLE t ALTER y SET NOT NULL; ALTER TABLE t DROP id CASCADE;
-- writes
UPDATE t SET z = z + 1 WHERE id = 4;
