-- before
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 40) n;

-- direct
CREATE EXTENSION pg_trgm WITH SCHEMA public;
CREATE SCHEMA loyalty;
CREATE TABLE loyalty.accounts (customer bigint PRIMARY KEY CONSTRAINT accounts_customer REFERENCES customers (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  points integer NOT NULL DEFAULT 0, level text GENERATED ALWAYS AS (case when points > 1000 then 'gold' else 'blue' end) STORED);
CREATE INDEX customers_name_trgm ON customers USING gin (name gin_trgm_ops);

-- writes
INSERT INTO customers SELECT max(id) + 1, 'new' FROM customers;
UPDATE customers SET name = name || '.' WHERE id = 3;
DELETE FROM customers WHERE id = 4;
