-- before
CREATE TABLE t (id integer PRIMARY KEY, z text, w text GENERATED ALWAYS AS (z || 'x') STORED);
INSERT INTO t SELECT n, 'z' FROM generate_series(1, 20) n;
-- direct
ALTER TABLE t ADD y text; UPDATE t SET y = upper(z); ALTER TABLE t DROP w, DROP z;
-- writes
UPDATE t SET z = 'x' WHERE id = 3;
