-- before
CREATE SCHEMA shop;
CREATE TABLE shop.order_lines (
  order_id bigint NOT NULL, line_no integer NOT NULL, sku text NOT NULL, qty integer NOT NULL DEFAULT 1 CHECK (qty > 0),
  PRIMARY KEY (order_id, line_no)
);
GRANT USAGE ON SCHEMA shop TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.order_lines TO app;
INSERT INTO shop.order_lines SELECT n / 3, n % 3 + 1, 'sku-' || n, n % 5 + 1 FROM generate_series(1, 60) n;

-- direct
CREATE TABLE shop.returns (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  order_id bigint NOT NULL, line_no integer NOT NULL, reason text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  refund_cents bigint NOT NULL DEFAULT 0 CONSTRAINT returns_refund_not_negative CHECK (refund_cents >= 0),
  fee_cents bigint GENERATED ALWAYS AS (refund_cents / 20) STORED,
  CONSTRAINT returns_line FOREIGN KEY (order_id, line_no) REFERENCES shop.order_lines (order_id, line_no) ON DELETE RESTRICT,
  CONSTRAINT returns_once UNIQUE (order_id, line_no) INCLUDE (received_at)
);
COMMENT ON TABLE shop.returns IS 'What customers sent back';
COMMENT ON COLUMN shop.returns.reason IS 'in the customer''s words';
CREATE TABLE shop.return_photos (
  return_id uuid CONSTRAINT photos_return REFERENCES shop.returns (id) ON DELETE CASCADE, no smallint,
  url text NOT NULL, labels text[] NOT NULL DEFAULT '{}', PRIMARY KEY (return_id, no)
);
CREATE INDEX photos_by_label ON shop.return_photos USING gin (labels);
GRANT SELECT, INSERT ON shop.returns, shop.return_photos TO app;

-- writes
INSERT INTO shop.order_lines SELECT max(order_id) + 1, 1, 'sku-new', 1 FROM shop.order_lines;
UPDATE shop.order_lines SET qty = qty + 1 WHERE sku = 'sku-7';
DELETE FROM shop.order_lines WHERE order_id = 2 AND line_no = 1;
