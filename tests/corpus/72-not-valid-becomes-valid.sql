-- before
CREATE SCHEMA hr;
CREATE TABLE hr.people (id integer PRIMARY KEY);
CREATE TABLE hr.contracts (id integer PRIMARY KEY, notice smallint, person integer);
INSERT INTO hr.people SELECT n FROM generate_series(1, 50) n;
INSERT INTO hr.contracts SELECT n, n % 7, n FROM generate_series(1, 40) n;
ALTER TABLE hr.contracts ADD CONSTRAINT person_known CHECK (person > 0) NOT VALID;
ALTER TABLE hr.contracts ADD CONSTRAINT contracts_person FOREIGN KEY (person) REFERENCES hr.people (id) NOT VALID;
ALTER TABLE hr.contracts ADD CONSTRAINT notice_given CHECK (notice >= 0) NOT VALID;

-- direct
ALTER TABLE hr.contracts ALTER notice TYPE integer USING notice::integer * 30, ALTER person SET NOT NULL;

-- writes
INSERT INTO hr.contracts (id, notice, person) SELECT max(id) + 1, 3, 5 FROM hr.contracts;
UPDATE hr.contracts SET notice = 2 WHERE id = 15;
UPDATE hr.contracts SET person = 17 WHERE id = 16;
