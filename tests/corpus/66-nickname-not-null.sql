-- before
CREATE TABLE people (id bigint PRIMARY KEY, nickname text);
INSERT INTO people SELECT n, CASE WHEN n % 3 > 0 THEN 'n' || n END FROM generate_series(1, 30) n;
-- direct
UPDATE people SET nickname = 'person ' || id WHERE nickname IS NULL;
ALTER TABLE people ALTER nickname SET NOT NULL;
-- writes
INSERT INTO people SELECT max(id) + 1, NULL FROM people;
UPDATE people SET nickname = 'x' WHERE id = 5;
