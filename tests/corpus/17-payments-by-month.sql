-- before
CREATE SCHEMA pay;
CREATE TABLE pay.payments (id bigint NOT NULL, at date NOT NULL, fee numeric(8,2) NOT NULL DEFAULT 0, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE pay.payments_01 PARTITION OF pay.payments FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE pay.payments_02 PARTITION OF pay.payments FOR VALUES FROM ('2024-02-01') TO ('2024-03-01') PARTITION BY HASH (id);
CREATE TABLE pay.payments_02_a PARTITION OF pay.payments_02 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pay.payments_02_b PARTITION OF pay.payments_02 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE pay.payments_rest PARTITION OF pay.payments DEFAULT;
INSERT INTO pay.payments SELECT n, date '2024-01-10' + n, n * 0.31 FROM generate_series(1, 80) n;

-- direct
ALTER TABLE pay.payments ADD fee_cents integer NOT NULL DEFAULT 0, ADD channel text NOT NULL DEFAULT 'web';
UPDATE pay.payments SET fee_cents = round(fee * 100)::integer;
ALTER TABLE pay.payments ADD CONSTRAINT fee_fits CHECK (fee_cents between 0 and 100000), DROP fee;

-- writes
INSERT INTO pay.payments SELECT max(id) + 1, '2024-02-11', 3.5 FROM pay.payments;
UPDATE pay.payments SET fee = fee + 0.01 WHERE id = 12;
UPDATE pay.payments SET at = CASE WHEN at = '2024-01-15' THEN date '2024-02-15' ELSE date '2024-01-15' END WHERE id = 5;
DELETE FROM pay.payments WHERE id = 70;
