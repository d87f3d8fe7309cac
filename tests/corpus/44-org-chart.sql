-- before
CREATE SCHEMA org;
CREATE TABLE org.staff (id integer PRIMARY KEY, name text NOT NULL, boss integer REFERENCES org.staff (id) ON DELETE SET NULL, grade text DEFAULT 'B', nick text NOT NULL);
CREATE INDEX staff_under ON org.staff (boss) WHERE boss IS NOT NULL;
CREATE VIEW org.tree AS WITH RECURSIVE t AS (SELECT id, name, 0 AS depth FROM org.staff WHERE boss IS NULL
  UNION ALL SELECT s.id, s.name, t.depth + 1 FROM org.staff s JOIN t ON s.boss = t.id) SELECT * FROM t;
INSERT INTO org.staff SELECT n, 'Name ' || n, nullif(n / 3, 0), 'B', 'nick' || n FROM generate_series(1, 45) n;

-- direct
ALTER TABLE org.staff RENAME CONSTRAINT staff_boss_fkey TO staff_reports_to_fkey;
ALTER TABLE org.staff RENAME boss TO reports_to;
ALTER TABLE org.staff RENAME grade TO level;
ALTER TABLE org.staff DROP nick, ADD CONSTRAINT not_under_oneself CHECK (reports_to <> id);

-- writes
INSERT INTO org.staff (id, name, boss, nick) SELECT max(id) + 1, 'New', 2, 'newbie' FROM org.staff;
UPDATE org.staff SET grade = 'A', boss = 3 WHERE id = 10;
WITH gone AS (DELETE FROM org.staff WHERE nick = 'newbie' AND id % 5 = 0 RETURNING id) SELECT count(*) FROM gone;
