-- before
CREATE EXTENSION btree_gist;
CREATE SCHEMA port;
CREATE TABLE port.bookings (id bigint PRIMARY KEY, berth integer NOT NULL, during daterange NOT NULL, draught_ft numeric(6,2),
  CONSTRAINT one_ship EXCLUDE USING gist (berth WITH =, during WITH &&) WHERE (berth > 0) DEFERRABLE);
INSERT INTO port.bookings SELECT n, n, daterange(date '2024-01-01' + n, date '2024-01-05' + n), n FROM generate_series(1, 40) n;

-- direct
ALTER TABLE port.bookings ALTER draught_ft TYPE integer USING round(draught_ft * 30.48)::integer;
COMMENT ON COLUMN port.bookings.draught_ft IS 'centimetres';
ALTER TABLE port.bookings RENAME berth TO berth_no;
ALTER TABLE port.bookings RENAME CONSTRAINT bookings_pkey TO berth_bookings_pkey;
ALTER TABLE port.bookings RENAME TO berth_bookings;

-- writes
INSERT INTO port.bookings (id, berth, during) SELECT max(id) + 1, (max(id) + 1)::integer, '[2025-01-01,2025-01-03)' FROM port.bookings;
UPDATE port.bookings SET draught_ft = draught_ft + 1 WHERE id = 7;
DELETE FROM port.bookings WHERE id = 9;
