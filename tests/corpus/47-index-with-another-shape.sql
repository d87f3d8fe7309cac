-- before
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer integer NOT NULL, placed date DEFAULT '2000-01-01', cents bigint);
CREATE INDEX orders_by_customer ON sales.orders (customer);
INSERT INTO sales.orders (customer, placed, cents) SELECT n % 9, date '2024-01-01' + n, n FROM generate_series(1, 60) n;

-- direct
DROP INDEX sales.orders_by_customer;
CREATE INDEX orders_by_customer ON sales.orders (customer, placed DESC) INCLUDE (cents);
ALTER TABLE sales.orders ALTER placed SET DEFAULT (now() at time zone 'utc')::date;

-- writes
INSERT INTO sales.orders (customer, placed, cents) VALUES (4, '2024-12-24', 5);
UPDATE sales.orders SET cents = cents + 1 WHERE customer = 5;
DELETE FROM sales.orders WHERE cents = 17;
