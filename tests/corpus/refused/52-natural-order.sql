-- before
CREATE SCHEMA iot;
CREATE UNLOGGED TABLE iot.events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), device text NOT NULL, seq integer NOT NULL, body xml, CONSTRAINT events_seq UNIQUE (device, seq));
CREATE INDEX events_newest ON iot.events (seq DESC);
ALTER TABLE iot.events CLUSTER ON events_newest;
ALTER TABLE iot.events REPLICA IDENTITY USING INDEX events_seq;
INSERT INTO iot.events (device, seq) SELECT 'd' || n % 5, n FROM generate_series(1, 50) n;

-- direct
ALTER TABLE iot.events ALTER seq TYPE bigint;

-- writes
INSERT INTO iot.events (device, seq) SELECT 'd1', max(seq) + 1 FROM iot.events;
UPDATE iot.events SET device = 'd9' WHERE seq = 7;
DELETE FROM iot.events WHERE seq = 8;
