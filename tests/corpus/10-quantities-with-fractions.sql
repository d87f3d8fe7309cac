-- before
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id bigint PRIMARY KEY, total_cents bigint NOT NULL DEFAULT 0);
CREATE TABLE sales.order_lines (
  order_id bigint REFERENCES sales.orders (id) ON DELETE CASCADE, pos smallint, sku text NOT NULL,
  qty integer NOT NULL DEFAULT 1, price_cents bigint NOT NULL,
  PRIMARY KEY (order_id, pos),
  CONSTRAINT qty_positive CHECK (qty > 0), CONSTRAINT line_total CHECK (qty * price_cents < 1000000000)
);
CREATE INDEX lines_by_sku ON sales.order_lines (sku) INCLUDE (qty);
CREATE INDEX lines_big ON sales.order_lines ((qty * 2), sku DESC) WHERE qty > 10;
INSERT INTO sales.orders SELECT n FROM generate_series(1, 20) n;
INSERT INTO sales.order_lines SELECT n % 20 + 1, n / 20 + 1, 'sku' || n, n % 15 + 1, n * 99 FROM generate_series(0, 59) n;

-- direct
ALTER TABLE sales.order_lines ALTER qty TYPE numeric(12,3), ADD unit text NOT NULL DEFAULT 'piece',
  ADD CONSTRAINT unit_known CHECK (unit in ('piece', 'kg', 'm'));
COMMENT ON COLUMN sales.order_lines.unit IS 'piece, kg or m';

-- writes
INSERT INTO sales.orders SELECT max(id) + 1 FROM sales.orders;
INSERT INTO sales.order_lines (order_id, pos, sku, price_cents) SELECT max(id), 1, 'cheese', 1299 FROM sales.orders;
UPDATE sales.order_lines SET qty = qty % 15 + 1 WHERE sku = 'sku12';
DELETE FROM sales.orders WHERE id = 3;
