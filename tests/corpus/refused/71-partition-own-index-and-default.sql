-- before
CREATE TABLE t (id integer, d date, v integer, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
CREATE TABLE t1 PARTITION OF t (v DEFAULT 9) FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE t2 PARTITION OF t DEFAULT;
CREATE INDEX t1_v ON t1 (v);
INSERT INTO t SELECT n, date '2024-01-20' + n, n FROM generate_series(1, 20) n;
-- direct
ALTER TABLE t ALTER v TYPE bigint;
-- writes
UPDATE t SET v = v + 1 WHERE id = 3;
