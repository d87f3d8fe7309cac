-- before
CREATE EXTENSION btree_gist;
CREATE SCHEMA clinic;
CREATE TABLE clinic.staff (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), badge integer, name text NOT NULL);
INSERT INTO clinic.staff (badge, name) SELECT n, 'Dr. ' || n FROM generate_series(1, 25) n;

-- direct
CREATE TABLE clinic.or_bookings (
  room text, no integer GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 10 CACHE 5),
  during tstzrange NOT NULL, surgeon uuid, cancelled boolean NOT NULL DEFAULT false,
  PRIMARY KEY (room, no),
  CONSTRAINT one_at_a_time EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (not cancelled),
  CONSTRAINT booked_by_staff FOREIGN KEY (surgeon) REFERENCES clinic.staff (id) ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT not_empty CHECK (not isempty(during)) NO INHERIT
);
COMMENT ON TABLE clinic.or_bookings IS 'One room, one operation';
ALTER TABLE clinic.staff ALTER badge SET NOT NULL, ADD CONSTRAINT badge_once UNIQUE (badge);

-- writes
INSERT INTO clinic.staff (badge, name) SELECT max(badge) + 1, 'Dr. new' FROM clinic.staff;
UPDATE clinic.staff SET name = name || '.' WHERE badge = 3;
DELETE FROM clinic.staff WHERE badge = (SELECT max(badge) FROM clinic.staff) AND badge > 30;
