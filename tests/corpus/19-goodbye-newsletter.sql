-- before
CREATE SCHEMA mail;
CREATE TABLE mail.contacts (id bigint PRIMARY KEY, address text NOT NULL UNIQUE, newsletter text CONSTRAINT contacts_newsletter_check CHECK (newsletter IN ('yes', 'no')));
CREATE TABLE mail.issues (id serial PRIMARY KEY, title text NOT NULL, sent_at timestamptz);
CREATE TABLE mail.deliveries (issue integer REFERENCES mail.issues (id), contact bigint REFERENCES mail.contacts (id) ON DELETE CASCADE, opened boolean DEFAULT false, PRIMARY KEY (issue, contact));
CREATE INDEX deliveries_opened ON mail.deliveries (contact) WHERE opened;
COMMENT ON INDEX mail.deliveries_opened IS 'for the statistics';
CREATE TABLE mail."opt-outs (old)" (address text, reason text, CHECK (reason <> ''));
GRANT USAGE ON SCHEMA mail TO reporting;
GRANT SELECT ON mail.deliveries, mail.issues TO reporting;
INSERT INTO mail.contacts SELECT n, 'c' || n || '@example.com', 'yes' FROM generate_series(1, 30) n;
INSERT INTO mail.issues (title) SELECT 'issue ' || n FROM generate_series(1, 3) n;
INSERT INTO mail.deliveries SELECT n % 3 + 1, n, n % 2 = 0 FROM generate_series(1, 30) n;
INSERT INTO mail."opt-outs (old)" VALUES ('x@example.com', 'spam');

-- direct
DROP TABLE mail.deliveries, mail."opt-outs (old)";
ALTER TABLE mail.contacts DROP CONSTRAINT contacts_newsletter_check;

-- writes
INSERT INTO mail.contacts SELECT max(id) + 1, 'new' || max(id) || '@example.com', 'no' FROM mail.contacts;
UPDATE mail.contacts SET newsletter = CASE newsletter WHEN 'yes' THEN 'no' ELSE 'yes' END WHERE id = 7;
