-- before
CREATE SCHEMA clinic;
CREATE TABLE clinic.appointments (
  doctor text, no integer, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, patient bigint,
  PRIMARY KEY (doctor, no)
);
INSERT INTO clinic.appointments
  SELECT 'Dr. ' || n % 5, n, timestamptz '2024-11-04 08:00Z' + n * interval '20 min', timestamptz '2024-11-04 08:20Z' + n * interval '20 min', n
  FROM generate_series(1, 55) n;

-- direct
ALTER TABLE clinic.appointments ADD slot tstzrange;
UPDATE clinic.appointments SET slot = tstzrange(starts_at, ends_at, '[)');
ALTER TABLE clinic.appointments ALTER slot SET NOT NULL, DROP starts_at, DROP ends_at,
  ADD CONSTRAINT slot_not_empty CHECK (not isempty(slot) and not lower_inf(slot));
CREATE INDEX appointments_slot ON clinic.appointments USING gist (slot);

-- writes
INSERT INTO clinic.appointments (doctor, no, starts_at, ends_at, patient) SELECT 'Dr. 9', max(no) + 1, '2024-12-01 10:00Z', '2024-12-01 10:30Z', 7 FROM clinic.appointments;
UPDATE clinic.appointments SET ends_at = ends_at + interval '5 min' WHERE patient = 12;
UPDATE clinic.appointments SET patient = NULL WHERE no = 4;
DELETE FROM clinic.appointments WHERE no = 30;
