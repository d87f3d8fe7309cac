-- before
CREATE SCHEMA audit;
CREATE TABLE audit.log (node integer, n bigint, at timestamptz NOT NULL DEFAULT '2024-01-01 00:00Z', actor text NOT NULL, what text, PRIMARY KEY (node, n));
CREATE INDEX log_by_actor ON audit.log (actor) WHERE actor <> 'system';
INSERT INTO audit.log (node, n, actor, what) SELECT n % 7, n, CASE WHEN n % 5 = 0 THEN 'system' ELSE 'user:' || n % 90 + 1 END, 'did ' || n FROM generate_series(1, 20000) n;

-- direct
ALTER TABLE audit.log ADD user_no bigint;
UPDATE audit.log SET user_no = coalesce(substring(actor from 'user:(\d+)')::bigint, 0);
ALTER TABLE audit.log ALTER user_no SET NOT NULL, ALTER user_no SET DEFAULT 0, DROP actor, ADD CONSTRAINT log_user CHECK (user_no >= 0);
CREATE INDEX log_by_user ON audit.log (user_no, at DESC) WHERE user_no > 0;

-- writes
INSERT INTO audit.log (node, n, actor, what) SELECT 9, coalesce(max(n), 0) + 1, 'user:7', 'more' FROM audit.log WHERE node = 9;
UPDATE audit.log SET actor = 'user:99' WHERE node = 3 AND n BETWEEN 100 AND 200;
DELETE FROM audit.log WHERE node = 4 AND n < 60;
UPDATE audit.log SET n = -n WHERE node = 5 AND abs(n) = 5 + 7 * 100;
