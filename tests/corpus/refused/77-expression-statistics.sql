-- before
CREATE TABLE person (id bigint PRIMARY KEY, mail text NOT NULL);
CREATE STATISTICS mail_lower ON (lower(mail)), (upper(mail)) FROM person;
INSERT INTO person SELECT n, 'g' || n FROM generate_series(1, 20) n;

-- direct

-- writes
