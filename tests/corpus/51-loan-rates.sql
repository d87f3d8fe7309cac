-- before
CREATE SCHEMA loans;
CREATE TABLE loans.loans (id bigint PRIMARY KEY, product text NOT NULL, rate numeric(5,2) NOT NULL, branch text, term_months integer);
CREATE STATISTICS loans.branch_term (dependencies) ON branch, term_months FROM loans.loans;
INSERT INTO loans.loans SELECT n, 'P' || n % 4, n % 9 + 0.25, 'b' || n % 3, n * 6 FROM generate_series(1, 50) n;

-- direct
ALTER TABLE loans.loans ALTER rate TYPE integer USING (rate * 10000)::integer, ADD CONSTRAINT rate_sane CHECK (rate between 0 and 500000);
CREATE STATISTICS loans.branch_product (mcv) ON branch, product FROM loans.loans;

-- writes
INSERT INTO loans.loans (id, product, rate, branch, term_months) SELECT max(id) + 1, 'P1', 3.75, 'b1', 12 FROM loans.loans;
UPDATE loans.loans SET rate = 4.5 WHERE id = 5;
DELETE FROM loans.loans WHERE id = 6;
