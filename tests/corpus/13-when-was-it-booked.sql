-- before
CREATE SCHEMA bank;
CREATE TABLE bank.bookings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  booked_at timestamp NOT NULL DEFAULT localtimestamp,
  value_at timestamp,
  cents bigint NOT NULL,
  CONSTRAINT value_not_before CHECK (value_at >= booked_at)
);
CREATE INDEX bookings_newest ON bank.bookings (booked_at DESC, id);
INSERT INTO bank.bookings (booked_at, value_at, cents)
  SELECT timestamp '2024-10-26 20:00' + n * interval '17 min', timestamp '2024-10-30 00:00', n FROM generate_series(1, 60) n;

-- direct
ALTER TABLE bank.bookings DROP CONSTRAINT value_not_before, ALTER booked_at DROP DEFAULT,
  ALTER booked_at TYPE timestamptz USING booked_at at time zone 'Europe/Vienna',
  ALTER value_at TYPE timestamptz USING value_at at time zone 'Europe/Vienna';
ALTER TABLE bank.bookings ALTER booked_at SET DEFAULT now(), ADD CONSTRAINT value_not_before CHECK (value_at >= booked_at);

-- writes
INSERT INTO bank.bookings (cents) VALUES (100), (200);
UPDATE bank.bookings SET value_at = booked_at + interval '1 day' WHERE cents = 5;
DELETE FROM bank.bookings WHERE cents = 60;
