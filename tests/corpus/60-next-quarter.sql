-- before
CREATE SCHEMA meter;
CREATE TABLE meter.meters (id integer PRIMARY KEY, place varchar(60));
CREATE TABLE meter.reads (meter integer REFERENCES meter.meters (id), at date, kwh numeric(12,3), PRIMARY KEY (meter, at)) PARTITION BY RANGE (at);
CREATE TABLE meter.reads_2024_11 PARTITION OF meter.reads FOR VALUES FROM ('2024-11-01') TO ('2024-12-01');
CREATE TABLE meter.reads_2024_12 PARTITION OF meter.reads FOR VALUES FROM ('2024-12-01') TO ('2025-01-01');
CREATE TABLE meter.reads_2023 PARTITION OF meter.reads FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
INSERT INTO meter.meters SELECT n, 'cellar ' || n FROM generate_series(1, 10) n;
INSERT INTO meter.reads SELECT n % 10 + 1, date '2024-11-05' + n / 10, n * 1.5 FROM generate_series(0, 49) n;

-- direct
CREATE TABLE meter.reads_2025_01 PARTITION OF meter.reads FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE meter.reads_2025_02 PARTITION OF meter.reads FOR VALUES FROM ('2025-02-01') TO ('2025-03-01') WITH (fillfactor = 90);
COMMENT ON TABLE meter.reads_2025_02 IS 'short month';
ALTER TABLE meter.reads ADD source text NOT NULL DEFAULT 'manual', ADD CONSTRAINT kwh_not_negative CHECK (kwh >= 0);
ALTER TABLE meter.reads DETACH PARTITION meter.reads_2023;
ALTER TABLE meter.meters ALTER place TYPE text;
COMMENT ON COLUMN meter.meters.place IS 'where the key hangs';

-- writes
INSERT INTO meter.reads (meter, at, kwh) VALUES (3, '2024-12-20', 7) ON CONFLICT (meter, at) DO UPDATE SET kwh = reads.kwh + 1;
UPDATE meter.reads SET at = CASE at WHEN '2024-11-06' THEN date '2024-12-06' ELSE date '2024-11-06' END WHERE meter = 4 AND at IN ('2024-11-06', '2024-12-06');
DELETE FROM meter.reads WHERE meter = 5;
