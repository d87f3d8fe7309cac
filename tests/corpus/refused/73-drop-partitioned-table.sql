-- before
CREATE TABLE k (id integer PRIMARY KEY);
CREATE TABLE t (id integer, d date, v integer, PRIMARY KEY (id, d)) PARTITION BY RANGE (d);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE t2 PARTITION OF t DEFAULT;
CREATE INDEX t_v ON t (v);
INSERT INTO t SELECT n, date '2024-01-20' + n, n FROM generate_series(1, 20) n;
-- direct
DROP TABLE t;
-- writes
INSERT INTO k SELECT coalesce(max(id), 0) + 1 FROM k;
