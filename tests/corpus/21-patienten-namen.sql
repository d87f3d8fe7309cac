-- before
CREATE SCHEMA "Klinik Süd";
CREATE TABLE "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" (
  "id" bigint GENERATED ALWAYS AS IDENTITY,
  "größe (cm)" integer CONSTRAINT "größer als null" CHECK ("größe (cm)" > 0),
  """Spitz""name" text DEFAULT 'Ödön',
  gewicht numeric(6,3) CONSTRAINT "Gewicht muß sein" CHECK (gewicht > 0),
  "✓" boolean NOT NULL DEFAULT true,
  CONSTRAINT "Schlüssel" PRIMARY KEY ("id")
);
CREATE INDEX "nach Größe und Gewicht, absteigend, nur für die Ärztinnen, hier" ON "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" ("größe (cm)" DESC, gewicht);
INSERT INTO "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" ("größe (cm)", gewicht) SELECT 100 + n, 20 + n * 0.125 FROM generate_series(1, 40) n;

-- direct
ALTER TABLE "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" RENAME TO outpatients;
ALTER TABLE "Klinik Süd".outpatients RENAME "größe (cm)" TO height_cm;
ALTER TABLE "Klinik Süd".outpatients RENAME """Spitz""name" TO "nick name";
ALTER TABLE "Klinik Süd".outpatients ALTER gewicht TYPE integer USING (gewicht * 1000)::integer;
COMMENT ON COLUMN "Klinik Süd".outpatients.gewicht IS 'grams; it''s exact';

-- writes
INSERT INTO "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" ("größe (cm)", gewicht) VALUES (170, 66.5);
UPDATE "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" SET gewicht = gewicht + 0.1, """Spitz""name" = 'É' WHERE "größe (cm)" = 105;
DELETE FROM "Klinik Süd"."Patientinnen und Patienten der Ambulanz, Gebäude Österreich 1" WHERE "größe (cm)" = 170 AND id % 2 = 0;
