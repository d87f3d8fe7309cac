-- before
CREATE TABLE articles (
  id integer GENERATED ALWAYS AS IDENTITY (START WITH 500 INCREMENT BY 5) PRIMARY KEY,
  counter serial, number integer NOT NULL, replaced_by integer, name text COLLATE "C",
  CHECK (replaced_by <> number), CONSTRAINT number_once UNIQUE (number) WITH (fillfactor = 80)
);
CREATE INDEX articles_half ON articles ((number / 2), name) WHERE replaced_by IS NULL;
INSERT INTO articles (number, replaced_by, name) SELECT 1000 + n, CASE WHEN n % 6 = 0 THEN 999 + n END, 'article ' || n FROM generate_series(1, 40) n;

-- direct
ALTER TABLE articles ALTER number TYPE bigint, ALTER replaced_by TYPE bigint;
ALTER TABLE articles RENAME name TO title;

-- writes
INSERT INTO articles (number, name) SELECT max(number) + 1, 'fresh' FROM articles;
UPDATE articles SET replaced_by = number + 100000 WHERE number = 1003;
DELETE FROM articles WHERE number = 1017;
