-- before
CREATE SCHEMA donors;
CREATE DOMAIN donors.blood_text AS text CHECK (VALUE ~ '^(A|B|AB|0)[+-]$');
CREATE TYPE donors.blood_group AS ENUM ('O-', 'O+', 'A-', 'A+', 'B-', 'B+', 'AB-', 'AB+');
CREATE TABLE donors.donations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), donor bigint NOT NULL, blood donors.blood_text NOT NULL, ml smallint NOT NULL DEFAULT 500,
  CONSTRAINT one_group UNIQUE (donor, blood, id)
);
CREATE INDEX donations_by_group ON donors.donations USING btree (blood, ml DESC);
INSERT INTO donors.donations (donor, blood) SELECT n, (ARRAY['A+', 'B-', '0+', 'AB+', '0-'])[n % 5 + 1] FROM generate_series(1, 45) n;

-- direct
ALTER TABLE donors.donations ALTER blood TYPE donors.blood_group USING replace(blood::text, '0', 'O')::donors.blood_group, ALTER ml SET DEFAULT 450;
COMMENT ON COLUMN donors.donations.blood IS 'ABO and Rhesus';

-- writes
INSERT INTO donors.donations (donor, blood) VALUES (1000, '0+');
UPDATE donors.donations SET blood = 'AB-' WHERE donor = 7;
DELETE FROM donors.donations WHERE donor = 8;
