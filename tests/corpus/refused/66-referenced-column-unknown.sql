-- before
CREATE TABLE keep (id integer PRIMARY KEY, a text);
-- direct
CREATE TABLE keep_new (id bigint PRIMARY KEY, keep integer CONSTRAINT fk REFERENCES keep (id)); ALTER TABLE keep RENAME id TO nr;
-- writes
INSERT INTO keep SELECT coalesce(max(id), 0) + 1 FROM keep;
