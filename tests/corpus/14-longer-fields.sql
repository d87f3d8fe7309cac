-- before
CREATE TABLE addresses (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  street varchar(30) NOT NULL, city varchar(20) NOT NULL DEFAULT 'Graz', geo_error_m numeric(6,2) DEFAULT 1.5,
  seen_from cidr, checked_at timestamptz(0), flags varbit(8) DEFAULT B'101'
);
COMMENT ON COLUMN addresses.geo_error_m IS 'metres, one sigma';
CREATE INDEX addresses_city ON addresses (city, street);
INSERT INTO addresses (street, geo_error_m, seen_from, checked_at)
  SELECT 'Gasse ' || n, n, ('10.' || n || '.0.0/16')::cidr, timestamptz '2024-05-05 12:00Z' FROM generate_series(1, 40) n;

-- direct
ALTER TABLE addresses ALTER street TYPE varchar(200), ALTER city TYPE text, ALTER city DROP NOT NULL, ALTER city SET DEFAULT 'Wien',
  ALTER geo_error_m TYPE numeric(12,2), ALTER geo_error_m DROP DEFAULT, ALTER seen_from TYPE inet, ALTER checked_at TYPE timestamptz(6),
  ALTER flags TYPE varbit(64), ALTER flags SET NOT NULL, ADD CONSTRAINT flags_some CHECK (length(flags) > 0);
COMMENT ON COLUMN addresses.street IS 'with the number';
COMMENT ON COLUMN addresses.geo_error_m IS NULL;

-- writes
INSERT INTO addresses (street, city) VALUES ('Neugasse 1', 'Linz');
UPDATE addresses SET street = 'Am Hof 2', flags = B'1' WHERE id = 9;
DELETE FROM addresses WHERE city = 'Linz' AND id % 2 = 1;
