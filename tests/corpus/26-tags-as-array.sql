-- before
CREATE SCHEMA crm;
CREATE TABLE crm.contacts (tenant integer, email text, tag_list text, primary key (tenant, email));
INSERT INTO crm.contacts SELECT n % 3, 'c' || n || '@example.net', CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN 'vip' WHEN 2 THEN 'vip, new' ELSE 'a,b , c' END FROM generate_series(1, 64) n;

-- direct
ALTER TABLE crm.contacts ADD tags text[];
UPDATE crm.contacts SET tags = coalesce(regexp_split_to_array(nullif(tag_list, ''), '\s*,\s*'), '{}');
ALTER TABLE crm.contacts ALTER tags SET NOT NULL, ALTER tags SET DEFAULT '{}', DROP tag_list;
CREATE INDEX contacts_tags ON crm.contacts USING gin (tags) WITH (fastupdate = off);

-- writes
INSERT INTO crm.contacts SELECT 9, 'new' || count(*) || '@example.net', 'new' FROM crm.contacts ON CONFLICT DO NOTHING;
UPDATE crm.contacts SET tag_list = 'vip,gold' WHERE email = 'c7@example.net';
UPDATE crm.contacts SET tag_list = NULL WHERE email = 'c9@example.net';
