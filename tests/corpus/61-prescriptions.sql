-- before
CREATE SCHEMA ward;
CREATE TABLE ward.prescriptions (
  patient bigint, drug text, dose text NOT NULL CONSTRAINT dose_form CHECK (dose ~ '^\d-\d-\d$'), since date NOT NULL DEFAULT '2024-11-01',
  PRIMARY KEY (patient, drug)
);
INSERT INTO ward.prescriptions SELECT n, 'drug ' || n % 6, n % 3 + 1 || '-0-' || n % 2 FROM generate_series(1, 50) n;

-- direct
ALTER TABLE ward.prescriptions ADD morning smallint, ADD noon smallint, ADD evening smallint;
UPDATE ward.prescriptions SET morning = split_part(dose, '-', 1)::smallint, noon = split_part(dose, '-', 2)::smallint, evening = split_part(dose, '-', 3)::smallint;
ALTER TABLE ward.prescriptions ALTER morning SET NOT NULL, ALTER noon SET NOT NULL, ALTER evening SET NOT NULL, DROP dose,
  ADD CONSTRAINT dose_some CHECK (morning + noon + evening > 0);
ALTER TABLE ward.prescriptions RENAME TO medication;

-- writes
INSERT INTO ward.prescriptions (patient, drug, dose) VALUES (999, 'aspirin', '1-1-1') ON CONFLICT (patient, drug) DO UPDATE SET dose = '2-1-1';
UPDATE ward.prescriptions SET dose = '0-0-2' WHERE patient = 5;
DELETE FROM ward.prescriptions WHERE patient = 7;
