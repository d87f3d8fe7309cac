-- before
CREATE SCHEMA club;
CREATE TABLE club.members (no serial PRIMARY KEY, name text NOT NULL CHECK (name <> ''), "GebDat" date NOT NULL, fee numeric(8,2) NOT NULL DEFAULT 50, phone text, phone2 text);
GRANT USAGE ON SCHEMA club TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON club.members TO app;
GRANT USAGE ON SEQUENCE club.members_no_seq TO app;
INSERT INTO club.members (name, "GebDat", fee, phone2) SELECT 'member ' || n, date '1940-01-01' + n * 400, n, 'p' || n FROM generate_series(1, 70) n;

-- direct
CREATE TABLE club.fees (class text PRIMARY KEY, cents bigint NOT NULL DEFAULT 0);
INSERT INTO club.fees VALUES ('adult', 5000), ('child', 1000), ('senior', 2500);
ALTER TABLE club.members ADD class text;
UPDATE club.members SET class = case when "GebDat" > date '2006-12-31' then 'child' when "GebDat" < date '1959-01-01' then 'senior' else 'adult' end;
ALTER TABLE club.members ALTER class SET NOT NULL, ALTER class SET DEFAULT 'adult', ALTER fee DROP DEFAULT, ALTER fee DROP NOT NULL, ALTER fee TYPE bigint USING (fee * 100)::bigint,
  ADD CONSTRAINT members_class FOREIGN KEY (class) REFERENCES club.fees (class) ON UPDATE CASCADE, DROP phone2, REPLICA IDENTITY FULL;
ALTER TABLE club.members RENAME "GebDat" TO born;
ALTER TABLE club.members RENAME CONSTRAINT members_name_check TO has_a_name;
CREATE INDEX members_by_class ON club.members (class, born);
COMMENT ON COLUMN club.members.fee IS 'cents; null as the class says';
ALTER TABLE club.members RENAME TO people;

-- writes
INSERT INTO club.members (name, "GebDat") VALUES ('late comer', '1990-05-05');
UPDATE club.members SET fee = fee + 1, phone2 = 'changed' WHERE name = 'member 5';
DELETE FROM club.members WHERE name = 'late comer' AND no % 3 = 0;
