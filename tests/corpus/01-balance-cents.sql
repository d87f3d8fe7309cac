-- before
CREATE SCHEMA bank;
CREATE TABLE bank.accounts (
  iban varchar(34) PRIMARY KEY,
  holder text NOT NULL,
  balance numeric(14,2) NOT NULL DEFAULT 0,
  opened date NOT NULL DEFAULT current_date
);
GRANT USAGE ON SCHEMA bank TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON bank.accounts TO app;
INSERT INTO bank.accounts (iban, holder, balance)
  SELECT 'DE' || lpad(n::text, 20, '0'), 'holder ' || n, n * 10.37 FROM generate_series(1, 60) n;

-- direct
ALTER TABLE bank.accounts ADD balance_cents bigint;
UPDATE bank.accounts SET balance_cents = (balance * 100)::bigint;
ALTER TABLE bank.accounts ALTER balance_cents SET NOT NULL, ALTER balance_cents SET DEFAULT 0;
COMMENT ON COLUMN bank.accounts.balance_cents IS 'in cents of the account''s currency';
ALTER TABLE bank.accounts DROP balance;

-- writes
UPDATE bank.accounts SET balance = balance + 1.25 WHERE iban LIKE '%7';
INSERT INTO bank.accounts (iban, holder) SELECT 'AT' || lpad((count(*) + 1)::text, 18, '0'), 'new' FROM bank.accounts ON CONFLICT DO NOTHING;
DELETE FROM bank.accounts WHERE iban = 'DE00000000000000000003';
