-- before
CREATE TABLE p (id integer PRIMARY KEY);
CREATE TABLE t (id bigint PRIMARY KEY, a integer NOT NULL DEFAULT 5 CONSTRAINT a_p REFERENCES p (id), c text, CONSTRAINT a_pos CHECK (a > 0), CONSTRAINT a_once UNIQUE (a, id), CONSTRAINT a_c CHECK (a > 1 OR c IS NULL));
COMMENT ON COLUMN t.a IS 'hello';
COMMENT ON CONSTRAINT a_pos ON t IS 'pos';
CREATE INDEX t_a ON t (a);
CREATE INDEX t_ca ON t (c, (a + 1)) WHERE a > 2;
ALTER TABLE t ALTER a SET STATISTICS 33;
GRANT SELECT (a) ON t TO reporting;
INSERT INTO p SELECT generate_series(1, 60);
INSERT INTO t SELECT n, n FROM generate_series(1, 40) n;
-- direct
ALTER TABLE t ADD b bigint; UPDATE t SET b = a; ALTER TABLE t ALTER b SET NOT NULL; ALTER TABLE t DROP a;
-- writes
UPDATE t SET a = a % 50 + 1 WHERE id = 3;
