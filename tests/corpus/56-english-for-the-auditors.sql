-- before
CREATE TABLE "Währung" (code char(3) PRIMARY KEY, name text);
CREATE TABLE "Konto" (no integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE "Beleg" (id serial PRIMARY KEY, "Betrag in €" numeric(12,2) NOT NULL, currency char(3) NOT NULL DEFAULT 'EUR' REFERENCES "Währung");
CREATE TABLE "Buchung" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, voucher integer REFERENCES "Beleg" (id),
  "Soll" integer REFERENCES "Konto" (no), "Haben" integer REFERENCES "Konto" (no), CHECK ("Soll" <> "Haben"));
CREATE INDEX "Buchung je Beleg" ON "Buchung" (voucher);
INSERT INTO "Währung" VALUES ('EUR', 'Euro'), ('CHF', 'Franken');
INSERT INTO "Konto" SELECT 1000 + n, 'Konto ' || n FROM generate_series(0, 9) n;
INSERT INTO "Beleg" ("Betrag in €") SELECT n * 3.3 FROM generate_series(1, 30) n;
INSERT INTO "Buchung" (voucher, "Soll", "Haben") SELECT n, 1000 + n % 10, 1000 + (n + 1) % 10 FROM generate_series(1, 30) n;

-- direct
ALTER TABLE "Buchung" RENAME "Soll" TO debit;
ALTER TABLE "Buchung" RENAME "Haben" TO credit;
ALTER TABLE "Beleg" RENAME "Betrag in €" TO amount;
ALTER TABLE "Buchung" RENAME CONSTRAINT "Buchung_Soll_fkey" TO posting_debit_fkey;
ALTER TABLE "Konto" RENAME CONSTRAINT "Konto_pkey" TO account_pkey;
ALTER TABLE "Konto" RENAME TO account;
ALTER TABLE "Buchung" RENAME TO posting;
ALTER TABLE "Beleg" RENAME TO voucher;
ALTER TABLE "Währung" RENAME TO currency;

-- writes
WITH v AS (INSERT INTO "Beleg" ("Betrag in €") VALUES (9.9) RETURNING id) INSERT INTO "Buchung" (voucher, "Soll", "Haben") SELECT id, 1001, 1002 FROM v;
UPDATE "Buchung" SET "Soll" = "Haben", "Haben" = "Soll" WHERE id = 4;
MERGE INTO "Währung" w USING (VALUES ('USD', 'Dollar')) n (code, name) ON w.code = n.code WHEN MATCHED THEN UPDATE SET name = n.name WHEN NOT MATCHED THEN INSERT (code, name) VALUES (n.code, n.name);
