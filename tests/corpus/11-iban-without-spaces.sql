-- before
CREATE SCHEMA pay;
CREATE TABLE pay.payees (
  owner_id uuid NOT NULL, no integer NOT NULL, iban varchar(42) NOT NULL, label varchar(80) DEFAULT 'payee',
  CONSTRAINT payees_pk PRIMARY KEY (owner_id, no)
);
CREATE INDEX payees_by_iban ON pay.payees (iban varchar_pattern_ops);
GRANT USAGE ON SCHEMA pay TO app;
GRANT UPDATE (label) ON pay.payees TO reporting;
GRANT SELECT, INSERT, UPDATE, DELETE ON pay.payees TO app;
INSERT INTO pay.payees
  SELECT ('00000000-0000-1000-8000-' || lpad((n % 7)::text, 12, '0'))::uuid, n, 'de' || (10 + n) || ' 1234 5678 ' || n, 'payee ' || n FROM generate_series(1, 45) n;

-- direct
ALTER TABLE pay.payees ADD iban_plain varchar(34);
UPDATE pay.payees SET iban_plain = upper(replace(iban, ' ', ''));
ALTER TABLE pay.payees ALTER iban_plain SET NOT NULL, DROP iban, ALTER label DROP DEFAULT,
  ADD CONSTRAINT iban_form CHECK (iban_plain ~ '^[A-Z]{2}[0-9A-Z]{8,32}$');
CREATE INDEX payees_by_iban_plain ON pay.payees (iban_plain varchar_pattern_ops);
COMMENT ON COLUMN pay.payees.iban_plain IS 'no spaces, capitals';
COMMENT ON COLUMN pay.payees.label IS 'as the payer named it';

-- writes
INSERT INTO pay.payees (owner_id, no, iban) SELECT owner_id, 1 + (SELECT max(no) FROM pay.payees), 'fr76 3000 6000 01' FROM pay.payees WHERE no = 2;
UPDATE pay.payees SET iban = 'gb29 NWBK 6016 1331' WHERE no % 9 = 0;
UPDATE pay.payees SET label = 'x' WHERE no = 4;
DELETE FROM pay.payees WHERE no = 11;
