-- before
CREATE SCHEMA log;
CREATE TYPE log.state AS ENUM ('planned', 'moving', 'there');
CREATE TABLE log.shipments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state log.state DEFAULT 'planned', lost boolean NOT NULL, etd date, eta date);
INSERT INTO log.shipments (state, lost, etd, eta) SELECT (ARRAY['planned', 'moving', 'there'])[n % 3 + 1]::log.state, n % 20 = 0, date '2024-02-02' + n, date '2024-02-05' + n FROM generate_series(1, 40) n;

-- direct
ALTER TABLE log.shipments ADD CONSTRAINT eta_after_etd CHECK (eta >= etd), DROP lost;
ALTER TYPE log.state ADD VALUE 'lost' AFTER 'moving';

-- writes
INSERT INTO log.shipments (lost, etd) VALUES (false, '2024-12-01');
UPDATE log.shipments SET state = 'there', lost = true WHERE id = 9;
DELETE FROM log.shipments WHERE state = 'moving' AND id = 10;
