-- before
CREATE SCHEMA ledger;
CREATE TABLE ledger.accounts (bank char(3) NOT NULL, number integer NOT NULL, alias text, PRIMARY KEY (bank, number));
CREATE TABLE ledger.postings (journal bigint, line integer, bank char(3), account integer, debit numeric(16,2), credit numeric(16,2));
INSERT INTO ledger.accounts SELECT 'ERS', n, 'acc' || n FROM generate_series(1, 20) n;
INSERT INTO ledger.postings SELECT n / 2, n % 2, 'ERS', n % 20 + 1, CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n % 2 = 1 THEN n END FROM generate_series(1, 60) n;

-- direct
ALTER TABLE ledger.postings ADD CONSTRAINT postings_pk PRIMARY KEY (journal, line),
  ADD CONSTRAINT postings_account FOREIGN KEY (bank, account) REFERENCES ledger.accounts (bank, number) MATCH FULL ON UPDATE CASCADE ON DELETE RESTRICT,
  ADD CONSTRAINT debit_or_credit CHECK ((debit is null) <> (credit is null));
ALTER TABLE ledger.accounts ADD CONSTRAINT accounts_alias UNIQUE NULLS NOT DISTINCT (alias, bank) DEFERRABLE;
CREATE INDEX postings_by_account ON ledger.postings (bank, account) INCLUDE (debit, credit);

-- writes
INSERT INTO ledger.postings SELECT max(journal) + 1, 0, 'ERS', 7, 10, NULL FROM ledger.postings;
UPDATE ledger.accounts SET alias = alias || 'x' WHERE number = 7;
UPDATE ledger.postings SET debit = debit + 1 WHERE journal = 3 AND debit IS NOT NULL;
