-- before
CREATE TABLE loans (id bigint PRIMARY KEY, product text NOT NULL, rate numeric(5,2) NOT NULL, branch text, term_months integer);
CREATE STATISTICS product_rate (dependencies, mcv) ON product, rate FROM loans;
INSERT INTO loans SELECT n, 'P' || n % 4, n % 9 + 0.25, 'b' || n % 3, n * 6 FROM generate_series(1, 50) n;
-- direct
ALTER TABLE loans DROP rate;
-- writes
UPDATE loans SET rate = 4.5 WHERE id = 5;
