-- before
CREATE SCHEMA track;
CREATE TABLE track.trucks (plate text PRIMARY KEY, model text);
CREATE TABLE track.positions (truck text NOT NULL REFERENCES track.trucks (plate), ts timestamptz NOT NULL, st smallint NOT NULL, lc text, PRIMARY KEY (truck, ts)) PARTITION BY LIST (truck);
CREATE TABLE track.positions_a PARTITION OF track.positions FOR VALUES IN ('W-1', 'W-2');
CREATE TABLE track.positions_b PARTITION OF track.positions DEFAULT;
INSERT INTO track.trucks SELECT 'W-' || n, 'model ' || n FROM generate_series(1, 6) n;
INSERT INTO track.positions SELECT 'W-' || n % 6 + 1, timestamptz '2024-03-03 03:00Z' + n * interval '1 min', n % 3, 'L' || n FROM generate_series(1, 60) n;

-- direct
ALTER TABLE track.positions ALTER st TYPE text USING case st when 1 then 'moving' when 2 then 'standing' else 'unknown' end;
ALTER TABLE track.positions RENAME ts TO seen_at;
ALTER TABLE track.positions RENAME lc TO location_code;
ALTER TABLE track.trucks RENAME TO vehicles;

-- writes
INSERT INTO track.positions (truck, ts, st, lc) SELECT 'W-3', max(ts) + interval '1 min', 1, 'new' FROM track.positions;
UPDATE track.positions SET st = 2 WHERE lc = 'L5';
DELETE FROM track.positions WHERE lc = 'L6';
