-- before
CREATE TABLE parcels (
  depot smallint, no bigint, code text NOT NULL, weight integer, volume_l integer,
  density integer GENERATED ALWAYS AS (volume_l * 2) STORED,
  CONSTRAINT parcels_pk PRIMARY KEY (depot, no), CONSTRAINT weight_in_grams CHECK (weight > 5)
);
CREATE TABLE scans (depot smallint, parcel bigint, at timestamptz, FOREIGN KEY (depot, parcel) REFERENCES parcels ON DELETE CASCADE);
GRANT SELECT, INSERT, UPDATE, DELETE ON parcels, scans TO app;
INSERT INTO parcels SELECT n % 3, n, 'P' || n, 100 + n * 37, n FROM generate_series(1, 60) n;
INSERT INTO scans SELECT n % 3, n, timestamptz '2024-09-09 12:00Z' FROM generate_series(1, 30) n;

-- direct
ALTER TABLE parcels DROP CONSTRAINT weight_in_grams, ALTER weight TYPE numeric(9,3) USING weight / 1000.0;
ALTER TABLE parcels ADD CONSTRAINT weight_below_a_ton CHECK (weight < 1000), ADD CONSTRAINT parcels_code UNIQUE (code) WITH (fillfactor = 90);
COMMENT ON COLUMN parcels.weight IS 'kg';
ALTER TABLE parcels RENAME TO shipments;

-- writes
INSERT INTO parcels (depot, no, code, weight) SELECT 1, max(no) + 1, 'P' || max(no) + 1, 2500 FROM parcels;
INSERT INTO scans (depot, parcel) SELECT 1, max(no) FROM parcels;
UPDATE parcels SET weight = weight + 10 WHERE code = 'P8';
DELETE FROM parcels WHERE code = 'P12';
