-- before
CREATE TABLE t (id integer PRIMARY KEY, d date, v integer);
CREATE TABLE c (x text, PRIMARY KEY (id)) INHERITS (t);
CREATE INDEX c_v ON c (v);
ALTER TABLE c ADD CONSTRAINT ck CHECK (v < 100000);
INSERT INTO t SELECT n, date '2024-01-20' + n, n FROM generate_series(1, 20) n;
INSERT INTO c SELECT n, date '2024-01-20' + n, n FROM generate_series(101, 120) n;
-- direct
ALTER TABLE t ALTER v TYPE bigint;
-- writes
UPDATE t SET v = v + 1 WHERE id = 3;
