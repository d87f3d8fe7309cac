-- before
CREATE SCHEMA saas;
CREATE TABLE saas.invoices (tid integer NOT NULL, no text NOT NULL, amount numeric(12,2) NOT NULL DEFAULT 0.00, PRIMARY KEY (tid, no));
ALTER TABLE saas.invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON saas.invoices USING (tid = current_setting('saas.tenant')::integer) WITH CHECK (tid = current_setting('saas.tenant')::integer);
CREATE POLICY archive_reads ON saas.invoices AS PERMISSIVE FOR SELECT TO reporting USING (true);
COMMENT ON POLICY own_rows ON saas.invoices IS 'audited in 2023';
GRANT USAGE ON SCHEMA saas TO app, reporting;
GRANT SELECT, INSERT, UPDATE, DELETE ON saas.invoices TO app;
GRANT SELECT (no, amount) ON saas.invoices TO reporting;
INSERT INTO saas.invoices SELECT n % 4, 'R' || n, n * 1.5 FROM generate_series(1, 60) n;

-- direct
ALTER TABLE saas.invoices ALTER amount DROP DEFAULT, ALTER amount TYPE bigint USING (amount * 100)::bigint;
ALTER TABLE saas.invoices ALTER amount SET DEFAULT 0;
ALTER TABLE saas.invoices RENAME tid TO tenant_id;
ALTER TABLE saas.invoices RENAME TO bills;

-- writes
SET saas.tenant = 3;
INSERT INTO saas.invoices (tid, no, amount) SELECT 3, 'N' || count(*), 9.99 FROM saas.invoices ON CONFLICT (tid, no) DO UPDATE SET amount = invoices.amount + 1;
UPDATE saas.invoices SET amount = amount + 0.5 WHERE no = 'R7' AND tid = 3;
DELETE FROM saas.invoices WHERE no = 'R11';
