-- before
CREATE SCHEMA track;
CREATE TABLE track.events (
  id bigserial PRIMARY KEY, who text NOT NULL, kind text NOT NULL CONSTRAINT events_kind_check CHECK (kind IN ('in', 'out', 'scan')),
  at timestamptz NOT NULL DEFAULT now(), detail jsonb,
  CONSTRAINT events_no_double UNIQUE (who, at, id)
);
CREATE INDEX events_by_day ON track.events ((at AT TIME ZONE 'UTC')) WITH (fillfactor = 60);
CREATE INDEX "events, by who and what" ON track.events USING btree (who text_pattern_ops, kind) WHERE detail IS NULL;
CREATE UNIQUE INDEX events_once ON track.events (md5(who), id);
CREATE INDEX events_stay ON track.events (at);
INSERT INTO track.events (who, kind) SELECT 'parcel' || n, (ARRAY['in', 'out', 'scan'])[n % 3 + 1] FROM generate_series(1, 50) n;

-- direct
DROP INDEX track.events_by_day, track."events, by who and what", track.events_once;
ALTER TABLE track.events DROP CONSTRAINT events_no_double, DROP CONSTRAINT events_kind_check;

-- writes
INSERT INTO track.events (who, kind, detail) VALUES ('parcel99', 'scan', '{"lat": 48}');
UPDATE track.events SET detail = NULL WHERE who = 'parcel7';
DELETE FROM track.events WHERE who = 'parcel99' AND id % 3 = 0;
