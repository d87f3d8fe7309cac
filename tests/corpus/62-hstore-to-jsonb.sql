-- before
CREATE EXTENSION hstore;
CREATE SCHEMA assets;
CREATE FUNCTION assets.jsonb_to_hstore(j jsonb) RETURNS hstore LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  BEGIN ATOMIC SELECT coalesce(hstore(array_agg(key), array_agg(value)), hstore(ARRAY[]::text[])) FROM jsonb_each_text(j); END;
CREATE TABLE assets.items (tag text PRIMARY KEY, props hstore NOT NULL);
INSERT INTO assets.items SELECT 'A' || n, hstore('hall', n::text) FROM generate_series(1, 30) n;

-- direct
ALTER TABLE assets.items ADD properties jsonb;
UPDATE assets.items SET properties = hstore_to_jsonb(props);
ALTER TABLE assets.items ALTER properties SET NOT NULL, ALTER properties SET DEFAULT '{}', DROP props;
CREATE INDEX items_properties ON assets.items USING gin (properties jsonb_path_ops);

-- writes
INSERT INTO assets.items (tag, props) SELECT 'N' || count(*), '' FROM assets.items ON CONFLICT DO NOTHING;
UPDATE assets.items SET props = props || hstore('seen', 'yes') WHERE tag = 'A4';
