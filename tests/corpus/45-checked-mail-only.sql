-- before
CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail text NOT NULL, mail_new text NOT NULL DEFAULT 'x@' || gen_random_uuid());
INSERT INTO accounts (mail, mail_new) SELECT ' A' || n || '@EXAMPLE.ORG', 'a' || n || '@example.org' FROM generate_series(1, 40) n;

-- direct
ALTER TABLE accounts DROP mail;
ALTER TABLE accounts RENAME mail_new TO email;
CREATE UNIQUE INDEX accounts_mail_lower ON accounts (lower(email));

-- writes
INSERT INTO accounts (mail, mail_new) SELECT 'n', 'n' || max(id) || '@example.org' FROM accounts;
UPDATE accounts SET mail = btrim(mail) WHERE id = 4;
DELETE FROM accounts WHERE mail = 'n' AND id % 3 = 0;
