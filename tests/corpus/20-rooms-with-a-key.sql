-- before
CREATE SCHEMA hotel;
CREATE TABLE hotel.rooms (house smallint NOT NULL, name text NOT NULL, beds integer NOT NULL DEFAULT 2, smoking boolean);
CREATE UNIQUE INDEX rooms_natural ON hotel.rooms (house, name);
INSERT INTO hotel.rooms SELECT n % 4, 'room ' || n, n % 3 + 1 FROM generate_series(1, 50) n;

-- direct
ALTER TABLE hotel.rooms ADD room_uid uuid NOT NULL DEFAULT gen_random_uuid(), ADD CONSTRAINT rooms_uid_once UNIQUE (room_uid),
  ADD CONSTRAINT rooms_pk PRIMARY KEY (house, name);
COMMENT ON COLUMN hotel.rooms.room_uid IS 'for the channel manager';
DROP INDEX hotel.rooms_natural;

-- writes
INSERT INTO hotel.rooms (house, name) SELECT 3, 'annex ' || count(*) FROM hotel.rooms ON CONFLICT DO NOTHING;
UPDATE hotel.rooms SET beds = beds % 4 + 1 WHERE name LIKE 'room 1%';
DELETE FROM hotel.rooms WHERE house = 3 AND name = 'room 3';
