-- before
CREATE SCHEMA cold;
CREATE TABLE cold.readings (
  sensor text, at timestamptz, celsius real NOT NULL, raw bytea,
  PRIMARY KEY (sensor, at), CONSTRAINT plausible CHECK (celsius > -90), CONSTRAINT "not twice" UNIQUE (sensor, celsius, at)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX readings_warm ON cold.readings (celsius DESC) INCLUDE (sensor) WITH (fillfactor = 75) WHERE at > '2024-01-01 00:00Z';
COMMENT ON CONSTRAINT readings_pkey ON cold.readings IS 'one value per sensor and moment';
COMMENT ON COLUMN cold.readings.celsius IS 'as measured';
ALTER TABLE cold.readings ALTER sensor SET STATISTICS 500, ALTER raw SET STORAGE EXTERNAL;
INSERT INTO cold.readings SELECT 's' || n % 6, timestamptz '2024-05-01 00:00Z' + n * interval '5 min', 2 + n * 0.25 FROM generate_series(1, 60) n;

-- direct
ALTER TABLE cold.readings ALTER celsius TYPE numeric(6,2) USING round(celsius::numeric, 2);

-- writes
INSERT INTO cold.readings (sensor, at, celsius) SELECT 's9', max(at) + interval '1 min', 4.5 FROM cold.readings;
UPDATE cold.readings SET celsius = 8.75 WHERE sensor = 's3' AND at < '2024-05-01 01:00Z';
DELETE FROM cold.readings WHERE sensor = 's9' AND celsius = 4.5 AND at < '2024-05-01 05:00Z';
