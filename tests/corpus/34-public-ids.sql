-- before
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sum_cents bigint NOT NULL DEFAULT 0);
CREATE TABLE invoices (id bigint PRIMARY KEY, order_id bigint REFERENCES orders (id), paid boolean NOT NULL DEFAULT false);
GRANT SELECT, INSERT, UPDATE ON orders, invoices TO app;
INSERT INTO orders (sum_cents) SELECT n * 100 FROM generate_series(1, 50) n;
INSERT INTO invoices SELECT n, n FROM generate_series(1, 40) n;

-- direct
ALTER TABLE orders ADD public_id uuid NOT NULL DEFAULT gen_random_uuid(), ADD CONSTRAINT orders_public_id_key UNIQUE (public_id);
ALTER TABLE invoices ADD token text NOT NULL DEFAULT md5(random()::text), ADD CONSTRAINT token_long CHECK (length(token) >= 32);
CREATE UNIQUE INDEX invoices_token ON invoices (token COLLATE "C");
COMMENT ON COLUMN invoices.token IS 'part of the link in the mail';

-- writes
INSERT INTO orders (sum_cents) VALUES (4711);
INSERT INTO invoices SELECT max(id) + 1, 3 FROM invoices;
UPDATE invoices SET paid = NOT paid WHERE id % 9 = 0;
