-- before
CREATE SCHEMA invoicing;
CREATE TABLE invoicing.lines (
  invoice text, line smallint, category text NOT NULL DEFAULT 'other', net_cents bigint NOT NULL, qty integer NOT NULL DEFAULT 1,
  sum_cents bigint GENERATED ALWAYS AS (net_cents * qty) STORED, text text NOT NULL,
  upper_text text GENERATED ALWAYS AS (upper(category)) STORED,
  PRIMARY KEY (invoice, line)
);
CREATE INDEX lines_big ON invoicing.lines (sum_cents) WHERE sum_cents > 100000;
INSERT INTO invoicing.lines (invoice, line, category, net_cents, text)
  SELECT 'R' || n / 5, n % 5, CASE WHEN n % 2 = 0 THEN 'book' ELSE 'other' END, n * 1000, 'line ' || n FROM generate_series(1, 50) n;

-- direct
ALTER TABLE invoicing.lines ADD vat_permille integer;
UPDATE invoicing.lines SET vat_permille = case when category = 'book' then 100 else 200 end;
ALTER TABLE invoicing.lines ALTER vat_permille SET NOT NULL, ALTER vat_permille SET DEFAULT 200,
  ADD CONSTRAINT vat_known CHECK (vat_permille in (0, 100, 130, 200)), ALTER text DROP NOT NULL;
ALTER TABLE invoicing.lines RENAME category TO vat_class;

-- writes
INSERT INTO invoicing.lines (invoice, line, net_cents, text) SELECT 'N' || count(*), 1, 700, 'new' FROM invoicing.lines ON CONFLICT DO NOTHING;
UPDATE invoicing.lines SET category = 'book', qty = qty + 1 WHERE invoice = 'R3';
DELETE FROM invoicing.lines WHERE invoice = 'R4' AND line = 2;
