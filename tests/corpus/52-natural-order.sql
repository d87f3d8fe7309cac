-- before
CREATE SCHEMA iot;
CREATE UNLOGGED TABLE iot.events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), device text NOT NULL, seq integer NOT NULL, body text DEFAULT '{}', CONSTRAINT events_seq UNIQUE (device, seq));
CREATE INDEX events_newest ON iot.events (seq DESC);
ALTER TABLE iot.events CLUSTER ON events_newest;
ALTER TABLE iot.events REPLICA IDENTITY USING INDEX events_seq;
INSERT INTO iot.events (device, seq, body) SELECT 'd' || n % 5, n, '{"v": ' || n || '}' FROM generate_series(1, 50) n;

-- direct
ALTER TABLE iot.events ALTER body DROP DEFAULT, ALTER body TYPE jsonb USING body::jsonb;
ALTER TABLE iot.events ALTER body SET DEFAULT '{}';
ALTER TABLE iot.events RENAME seq TO sequence_no;

-- writes
INSERT INTO iot.events (device, seq) SELECT 'd1', max(seq) + 1 FROM iot.events;
UPDATE iot.events SET device = 'd9', body = '[]' WHERE seq = 7;
DELETE FROM iot.events WHERE seq = 8;
