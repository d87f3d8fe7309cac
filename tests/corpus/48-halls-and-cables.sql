-- before
CREATE SCHEMA mes;
CREATE TABLE mes.machines (id uuid PRIMARY KEY, hall text);
CREATE TABLE mes.jobs (no bigint PRIMARY KEY, machine text NOT NULL, took interval, code char(8) NOT NULL DEFAULT 'NEW', CONSTRAINT code_len CHECK (length(code) > 1));
CREATE INDEX jobs_by_machine ON mes.jobs (machine, no DESC);
INSERT INTO mes.machines SELECT md5(n::text)::uuid, 'hall ' || n FROM generate_series(1, 8) n;
INSERT INTO mes.jobs SELECT n, (md5((n % 8 + 1)::text)::uuid)::text, make_interval(secs => n * 3), 'C' || n FROM generate_series(1, 60) n;

-- direct
ALTER TABLE mes.jobs DROP CONSTRAINT code_len, ALTER code DROP DEFAULT, ALTER took TYPE integer USING extract(epoch from took)::integer,
  ALTER machine TYPE uuid USING machine::uuid, ALTER code TYPE text USING rtrim(code);
ALTER TABLE mes.jobs ALTER code SET DEFAULT 'NEW', ADD CONSTRAINT jobs_machine FOREIGN KEY (machine) REFERENCES mes.machines (id) ON UPDATE CASCADE;
ALTER TABLE mes.jobs RENAME TO runs;

-- writes
INSERT INTO mes.jobs (no, machine, took) SELECT max(no) + 1, md5('3')::uuid::text, interval '1 h' FROM mes.jobs;
UPDATE mes.jobs SET took = took + interval '2 s', code = 'XY' WHERE no = 9;
DELETE FROM mes.jobs WHERE no = 12;
