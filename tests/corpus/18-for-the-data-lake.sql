-- before
CREATE SCHEMA wms;
CREATE TABLE wms.bins (id integer PRIMARY KEY, aisle text);
ALTER TABLE wms.bins REPLICA IDENTITY FULL;
CREATE TABLE wms.stock (bin integer REFERENCES wms.bins (id), sku text, qty integer, counted_by text DEFAULT 'system', PRIMARY KEY (bin, sku));
CREATE TABLE wms.moves (id bigint PRIMARY KEY, doc text NOT NULL, line integer NOT NULL, qty integer);
CREATE UNIQUE INDEX moves_natural ON wms.moves (doc, line);
CREATE TABLE wms.scratch (a integer);
INSERT INTO wms.bins SELECT n, 'A' || n FROM generate_series(1, 10) n;
INSERT INTO wms.stock SELECT n % 10 + 1, 'sku' || n, n FROM generate_series(1, 30) n;
INSERT INTO wms.moves SELECT n, 'doc' || n / 4, n % 4, n FROM generate_series(1, 40) n;

-- direct
ALTER TABLE wms.stock REPLICA IDENTITY FULL;
ALTER TABLE wms.moves REPLICA IDENTITY USING INDEX moves_natural;
ALTER TABLE wms.scratch REPLICA IDENTITY NOTHING;
ALTER TABLE wms.bins REPLICA IDENTITY DEFAULT;
ALTER TABLE wms.stock ALTER counted_by SET NOT NULL;
COMMENT ON COLUMN wms.stock.counted_by IS 'who counted; the lake masks it';

-- writes
INSERT INTO wms.scratch VALUES (1);
INSERT INTO wms.moves SELECT max(id) + 1, 'doc-new-' || max(id), 1, 5 FROM wms.moves;
UPDATE wms.stock SET qty = qty - 1 WHERE sku = 'sku3';
DELETE FROM wms.moves WHERE id = 3;
