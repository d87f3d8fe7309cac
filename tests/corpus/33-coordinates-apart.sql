-- before
CREATE SCHEMA geo;
CREATE TABLE geo.stops (id text PRIMARY KEY, place point NOT NULL, line text[]);
CREATE INDEX stops_place ON geo.stops USING gist (place);
INSERT INTO geo.stops SELECT 'stop ' || n, point(16 + n * 0.01, 48 - n * 0.01), ARRAY['U' || n % 6, 'D'] FROM generate_series(1, 50) n;

-- direct
ALTER TABLE geo.stops ADD lat double precision, ADD lon double precision;
UPDATE geo.stops SET lat = place[1], lon = place[0];
ALTER TABLE geo.stops ALTER lat SET NOT NULL, ALTER lon SET NOT NULL, ADD CONSTRAINT on_earth CHECK (lat between -90 and 90 and lon between -180 and 180);
CREATE INDEX stops_grid ON geo.stops (floor(lat * 10), floor(lon * 10));
COMMENT ON COLUMN geo.stops.lat IS 'WGS 84';
COMMENT ON COLUMN geo.stops.lon IS 'WGS 84';

-- writes
INSERT INTO geo.stops SELECT 'new ' || count(*), point(16, 48), NULL FROM geo.stops ON CONFLICT DO NOTHING;
UPDATE geo.stops SET place = point(16.5, 48.25) WHERE id = 'stop 4';
DELETE FROM geo.stops WHERE id = 'stop 5';
