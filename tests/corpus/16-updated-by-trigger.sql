-- before
CREATE SCHEMA cms;
CREATE TABLE cms.pages (id serial PRIMARY KEY, title text NOT NULL, body text, updated_at timestamptz NOT NULL DEFAULT now(), version integer NOT NULL DEFAULT 1);
CREATE TABLE cms.log (page integer, at timestamptz DEFAULT clock_timestamp(), what text);
CREATE FUNCTION cms.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.updated_at := now(); NEW.version := OLD.version + 1; RETURN NEW; END$$;
CREATE FUNCTION cms.note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO cms.log (page, what) VALUES (coalesce(NEW.id, OLD.id), TG_OP); RETURN NULL; END$$;
CREATE TRIGGER a_touch BEFORE UPDATE ON cms.pages FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title) EXECUTE FUNCTION cms.touch();
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON cms.pages FOR EACH ROW EXECUTE FUNCTION cms.note();
INSERT INTO cms.pages (title, body) SELECT 'Page #' || n || '!', repeat('x', n) FROM generate_series(1, 40) n;

-- direct
ALTER TABLE cms.pages ADD title_folded text;
UPDATE cms.pages SET title_folded = lower(regexp_replace(title, '[^[:alnum:] ]', '', 'g'));
ALTER TABLE cms.pages ALTER title_folded SET NOT NULL, ADD CONSTRAINT folded_short CHECK (length(title_folded) <= 200);
COMMENT ON COLUMN cms.pages.title_folded IS 'for the search';

-- writes
INSERT INTO cms.pages (title) VALUES ('What''s new?');
UPDATE cms.pages SET title = title || '!' WHERE id = 5;
DELETE FROM cms.pages WHERE title LIKE 'What%' AND id % 2 = 0;
