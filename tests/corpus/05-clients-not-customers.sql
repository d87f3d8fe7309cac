-- before
CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "Kundennummer" integer NOT NULL,
  mail text NOT NULL UNIQUE,
  note text
);
COMMENT ON TABLE customers IS 'since 1998';
COMMENT ON COLUMN customers.mail IS 'where the invoice goes';
GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO app;
INSERT INTO customers ("Kundennummer", mail) SELECT 70000 + n, 'k' || n || '@example.org' FROM generate_series(1, 40) n;

-- direct
ALTER TABLE customers RENAME COLUMN mail TO email;
ALTER TABLE customers RENAME COLUMN "Kundennummer" TO client_no;
ALTER TABLE customers RENAME CONSTRAINT customers_mail_key TO clients_email_key;
ALTER TABLE customers RENAME CONSTRAINT customers_pkey TO clients_pkey;
ALTER TABLE customers RENAME TO clients;

-- writes
INSERT INTO customers ("Kundennummer", mail) SELECT max("Kundennummer") + 1, 'neu' || max("Kundennummer") + 1 || '@example.org' FROM customers;
UPDATE customers SET note = coalesce(note, '') || 'x' WHERE "Kundennummer" = 70005;
UPDATE customers SET mail = upper(mail) WHERE "Kundennummer" = 70006;
