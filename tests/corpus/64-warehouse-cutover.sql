-- before
CREATE SCHEMA wms;
CREATE TABLE wms.bins (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL);
CREATE TABLE wms.stock (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), bin bigint NOT NULL REFERENCES wms.bins (id), sku text NOT NULL, lot text,
  qty numeric(10,2) NOT NULL DEFAULT 0 CONSTRAINT qty_ok CHECK (qty >= 0), best_before date, counted boolean DEFAULT false);
CREATE INDEX stock_by_lot ON wms.stock (lot, sku);
CREATE TABLE wms.scratch (at timestamptz DEFAULT now(), what text);
INSERT INTO wms.bins (code) SELECT 'A' || n FROM generate_series(1, 20) n;
INSERT INTO wms.stock (bin, sku, lot, qty, best_before) SELECT n % 20 + 1, 'sku' || n, 'lot' || n, n, date '2025-01-01' + n FROM generate_series(1, 50) n;

-- direct
UPDATE wms.bins SET code = 'L-' || code;
ALTER TABLE wms.bins ADD CONSTRAINT bins_code_once UNIQUE (code), ADD CONSTRAINT bins_code_form CHECK (code like 'L-%');
ALTER TABLE wms.bins RENAME TO locations;
DROP INDEX wms.stock_by_lot;
ALTER TABLE wms.stock RENAME best_before TO expires_on;
ALTER TABLE wms.stock ALTER qty DROP NOT NULL, DROP counted, REPLICA IDENTITY FULL, ADD CONSTRAINT stock_one_lot UNIQUE NULLS NOT DISTINCT (bin, sku, lot);
COMMENT ON COLUMN wms.stock.qty IS 'null: to be counted';
CREATE INDEX stock_expiring ON wms.stock (expires_on) INCLUDE (sku) WHERE expires_on IS NOT NULL;
DROP TABLE wms.scratch;

-- writes
INSERT INTO wms.bins (code) SELECT 'N' || max(id) FROM wms.bins;
INSERT INTO wms.stock (bin, sku, lot, qty) SELECT max(id), 'new', 'l' || max(id), 1 FROM wms.bins;
UPDATE wms.stock SET qty = qty + 1, counted = true WHERE sku = 'sku7';
UPDATE wms.bins SET code = 'B12' WHERE code = 'A12';
DELETE FROM wms.stock WHERE sku = 'sku9';
