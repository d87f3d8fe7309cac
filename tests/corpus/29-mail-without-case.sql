-- before
CREATE EXTENSION citext;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, password bytea, CONSTRAINT email_once UNIQUE (email), CONSTRAINT email_at CHECK (email LIKE '%@%'));
CREATE INDEX users_domain ON auth.users (split_part(email, '@', 2));
INSERT INTO auth.users (email, password) SELECT 'User' || n || '@example.com', decode(md5(n::text), 'hex') FROM generate_series(1, 40) n;

-- direct
ALTER TABLE auth.users ALTER email TYPE citext;
CREATE TABLE auth.email_changes (user_id bigint CONSTRAINT changes_user REFERENCES auth.users ON DELETE CASCADE, at timestamptz DEFAULT now(), old_email citext, PRIMARY KEY (user_id, at));

-- writes
INSERT INTO auth.users (email) SELECT 'new' || max(id) || '@example.com' FROM auth.users;
UPDATE auth.users SET email = 'changed7@example.com' WHERE id = 7;
DELETE FROM auth.users WHERE id = 8;
