-- before
CREATE SCHEMA bank;
CREATE TYPE bank.kyc_level AS ENUM ('none', 'basic', 'full');
CREATE TABLE bank.customers (id integer PRIMARY KEY, passport text, verified boolean NOT NULL DEFAULT false, since date NOT NULL DEFAULT '2020-01-01');
INSERT INTO bank.customers SELECT n, CASE WHEN n % 3 = 0 THEN 'P' || n END, n % 2 = 0, date '2020-01-01' + n FROM generate_series(1, 48) n;

-- direct
ALTER TABLE bank.customers ADD kyc bank.kyc_level NOT NULL DEFAULT 'none';
UPDATE bank.customers SET kyc = case when passport is not null and verified then 'full' when verified then 'basic' else 'none' end::bank.kyc_level;
ALTER TABLE bank.customers DROP verified;
CREATE INDEX customers_to_check ON bank.customers (since) WHERE kyc = 'none';

-- writes
INSERT INTO bank.customers (id) SELECT max(id) + 1 FROM bank.customers;
UPDATE bank.customers SET verified = NOT verified WHERE id IN (6, 7, 8);
DELETE FROM bank.customers WHERE id = 20;
