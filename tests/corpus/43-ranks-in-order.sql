-- before
CREATE SCHEMA music;
CREATE TABLE music.entries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), list integer NOT NULL, position smallint NOT NULL, title text,
  CONSTRAINT one_place UNIQUE (list, position) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO music.entries (list, position, title) SELECT n / 10, n % 10, 'song ' || n FROM generate_series(0, 59) n;

-- direct
ALTER TABLE music.entries ALTER position TYPE integer, ADD CONSTRAINT title_some CHECK (btrim(title) <> '');
ALTER TABLE music.entries RENAME list TO playlist;
COMMENT ON COLUMN music.entries.title IS 'as on the cover';

-- writes
BEGIN;
UPDATE music.entries SET position = position + 1 WHERE list = 2;
UPDATE music.entries SET position = position - 1 WHERE list = 2;
UPDATE music.entries SET position = 9 - position WHERE list = 3;
COMMIT;
INSERT INTO music.entries (list, position, title) SELECT 7, coalesce(max(position), 0) + 1, 'more' FROM music.entries WHERE list = 7;
