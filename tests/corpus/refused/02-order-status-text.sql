-- before
CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped', 'cancelled');
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer bigint NOT NULL,
  status order_status NOT NULL DEFAULT 'open',
  placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_open ON orders (customer) WHERE status = 'open';
INSERT INTO orders (customer, status)
  SELECT n % 9, (ARRAY['open', 'paid', 'shipped', 'cancelled'])[n % 4 + 1]::order_status FROM generate_series(1, 48) n;

-- direct
DROP INDEX orders_open;
ALTER TABLE orders ALTER status DROP DEFAULT, ALTER status TYPE text USING status::text;
ALTER TABLE orders ALTER status SET DEFAULT 'open',
  ADD CONSTRAINT orders_status_known CHECK (status in ('open', 'paid', 'shipped', 'cancelled', 'returned'));
CREATE INDEX orders_open ON orders (customer) WHERE status = 'open';
COMMENT ON COLUMN orders.status IS 'see the check for what is allowed';

-- writes
INSERT INTO orders (customer) VALUES (4);
UPDATE orders SET status = 'paid' WHERE customer = 4 AND status = 'open';
DELETE FROM orders WHERE status = 'cancelled' AND id % 8 = 3;
