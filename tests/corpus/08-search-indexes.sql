-- before
CREATE EXTENSION pg_trgm;
CREATE SCHEMA catalog;
CREATE TABLE catalog.products (
  sku text PRIMARY KEY, title text NOT NULL, ean text, withdrawn boolean NOT NULL DEFAULT false,
  attributes jsonb NOT NULL DEFAULT '{}', seen_at timestamptz
);
INSERT INTO catalog.products
  SELECT 'sku' || n, 'product ' || n, lpad(n::text, 13, '0'), n % 10 = 0, jsonb_build_object('weight', n, 'blurb', 'nice'), timestamptz '2024-01-01 00:00Z' + n * interval '1 h'
  FROM generate_series(1, 80) n;

-- direct
CREATE INDEX products_title_trgm ON catalog.products USING gin (title gin_trgm_ops);
CREATE INDEX products_attributes ON catalog.products USING gin (attributes jsonb_path_ops);
CREATE INDEX products_seen ON catalog.products USING brin (seen_at) WITH (pages_per_range = 32);
CREATE UNIQUE INDEX "products ean" ON catalog.products (ean) INCLUDE (title) NULLS NOT DISTINCT WHERE NOT withdrawn;
CREATE INDEX products_fulltext ON catalog.products USING gin (to_tsvector('english'::regconfig, title || ' ' || coalesce(attributes ->> 'blurb', '')));
CREATE INDEX products_sort ON catalog.products (title COLLATE "C" DESC NULLS LAST, ((attributes ->> 'weight')::numeric));

-- writes
INSERT INTO catalog.products (sku, title, ean) SELECT 'new' || count(*), 'new thing', 'n' || count(*) FROM catalog.products ON CONFLICT DO NOTHING;
UPDATE catalog.products SET attributes = attributes || '{"weight": 5}' WHERE sku LIKE 'sku%3';
UPDATE catalog.products SET withdrawn = true WHERE sku = 'sku17';
