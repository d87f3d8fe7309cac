-- before
CREATE SCHEMA purchasing;
CREATE TABLE purchasing.suppliers (
  code char(6) PRIMARY KEY,
  name text NOT NULL,
  fax text NOT NULL,
  telex text DEFAULT 'none',
  city text,
  CONSTRAINT fax_international CHECK (fax LIKE '+%'),
  CONSTRAINT suppliers_name_fax UNIQUE (name, fax)
);
COMMENT ON COLUMN purchasing.suppliers.telex IS 'do not laugh';
CREATE INDEX suppliers_by_city ON purchasing.suppliers (city);
CREATE INDEX suppliers_by_telex ON purchasing.suppliers (telex) WHERE telex <> 'none';
INSERT INTO purchasing.suppliers SELECT 'S' || lpad(n::text, 5, '0'), 'supplier ' || n, '+43 1 ' || n, 'tx' || n, 'Wien' FROM generate_series(1, 30) n;

-- direct
ALTER TABLE purchasing.suppliers DROP fax, DROP telex;
DROP INDEX purchasing.suppliers_by_city;

-- writes
INSERT INTO purchasing.suppliers (code, name, fax) SELECT 'N' || lpad((count(*) + 1)::text, 5, '0'), 'new ' || count(*), '+1 555' FROM purchasing.suppliers ON CONFLICT DO NOTHING;
UPDATE purchasing.suppliers SET fax = fax || '0' WHERE code = 'S00004';
UPDATE purchasing.suppliers SET telex = NULL WHERE code = 'S00005';
