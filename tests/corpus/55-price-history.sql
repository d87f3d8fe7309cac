-- before
CREATE SCHEMA pim;
CREATE TABLE pim.products (sku text PRIMARY KEY, title text, price numeric(10,2) NOT NULL, changed integer NOT NULL DEFAULT 0);
CREATE TABLE pim.changes (sku text, what text, n integer);
CREATE FUNCTION pim.bump() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.changed := OLD.changed + 1; RETURN NEW; END$$;
CREATE FUNCTION pim.changed() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO pim.changes VALUES (NEW.sku, TG_NAME, 1); RETURN NULL; END$$;
CREATE FUNCTION pim.counted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO pim.changes SELECT 'all', TG_OP, count(*) FROM new_rows; RETURN NULL; END$$;
CREATE TRIGGER bump BEFORE UPDATE OF title ON pim.products FOR EACH ROW EXECUTE FUNCTION pim.bump();
CREATE TRIGGER title_changed AFTER UPDATE OF title ON pim.products FOR EACH ROW EXECUTE FUNCTION pim.changed();
CREATE TRIGGER imported AFTER INSERT ON pim.products REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pim.counted();
ALTER TABLE pim.products DISABLE TRIGGER imported;
COMMENT ON TRIGGER bump ON pim.products IS 'asked for by audit';
INSERT INTO pim.products SELECT 'sku' || n, 't' || n, n * 1.25 FROM generate_series(1, 40) n;

-- direct
ALTER TABLE pim.products ALTER price TYPE bigint USING (price * 100)::bigint, ALTER title SET NOT NULL, ALTER title SET DEFAULT 'untitled';

-- writes
INSERT INTO pim.products (sku, title, price) SELECT 'new' || count(*), 'new', 5 FROM pim.products ON CONFLICT DO NOTHING;
UPDATE pim.products SET price = price + 0.5, title = title || '!' WHERE sku = 'sku7';
UPDATE pim.products SET price = 1 WHERE sku = 'sku8';
