-- before
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer text NOT NULL, total_cents bigint, paid_at date);
GRANT USAGE ON SCHEMA shop TO reporting;
GRANT SELECT ON shop.orders TO reporting;
INSERT INTO shop.orders SELECT n, 'c' || n % 7, n * 100, CASE WHEN n % 2 = 0 THEN date '2024-07-01' + n END FROM generate_series(1, 50) n;

-- direct
CREATE VIEW shop.open_orders AS SELECT id, customer, total_cents FROM shop.orders WHERE paid_at IS NULL;
COMMENT ON VIEW shop.open_orders IS 'for the weekly report';
GRANT SELECT ON shop.open_orders TO reporting;
CREATE FUNCTION shop.turnover(from_day date, to_day date) RETURNS bigint LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT coalesce(sum(total_cents), 0)::bigint FROM shop.orders WHERE paid_at >= from_day AND paid_at < to_day; END;
REVOKE SELECT ON shop.orders FROM reporting;
ALTER TABLE shop.orders ALTER total_cents SET NOT NULL, ALTER total_cents SET DEFAULT 0;

-- writes
INSERT INTO shop.orders (id, customer, total_cents) SELECT max(id) + 1, 'new', 990 FROM shop.orders;
UPDATE shop.orders SET paid_at = '2024-11-11' WHERE id = 5;
DELETE FROM shop.orders WHERE customer = 'new' AND id % 4 = 0;
