-- before
CREATE TABLE person (id bigint PRIMARY KEY, first text NOT NULL, last text NOT NULL, initial text NOT NULL);
INSERT INTO person SELECT n, 'g' || n, 'f' || n, 'g' FROM generate_series(1, 20) n;

-- direct

-- writes
