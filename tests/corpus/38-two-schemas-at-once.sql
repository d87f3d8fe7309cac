-- before
CREATE SCHEMA hr;
CREATE SCHEMA payroll;
CREATE TYPE hr.absence_kind AS ENUM ('holiday', 'sick', 'child');
CREATE TABLE hr.employees (pers_nr text PRIMARY KEY, name text NOT NULL, room text);
CREATE TABLE hr.notes (id serial PRIMARY KEY, pers_nr text REFERENCES hr.employees, note text);
CREATE TABLE payroll.salaries (employee text REFERENCES hr.employees (pers_nr) ON UPDATE CASCADE, since date, monthly numeric(10,2) NOT NULL CHECK (monthly > 0), PRIMARY KEY (employee, since));
INSERT INTO hr.employees SELECT 'E' || n, 'name ' || n FROM generate_series(1, 30) n;
INSERT INTO hr.notes (pers_nr, note) SELECT 'E' || n, 'note' FROM generate_series(1, 10) n;
INSERT INTO payroll.salaries SELECT 'E' || n, date '2024-01-01', 2000 + n * 10.5 FROM generate_series(1, 30) n;

-- direct
ALTER TABLE hr.employees RENAME pers_nr TO staff_no;
ALTER TABLE payroll.salaries RENAME employee TO staff_no;
ALTER TABLE payroll.salaries ALTER monthly TYPE bigint USING (monthly * 100)::bigint;
ALTER TABLE payroll.salaries RENAME TO pay;
CREATE TABLE hr.absences (staff_no text, days daterange, kind hr.absence_kind NOT NULL DEFAULT 'holiday', CONSTRAINT absences_once PRIMARY KEY (staff_no, days));

-- writes
INSERT INTO hr.employees (pers_nr, name) SELECT 'N' || count(*), 'new' FROM hr.employees ON CONFLICT DO NOTHING;
INSERT INTO payroll.salaries (employee, since, monthly) SELECT max(pers_nr), '2024-12-01', 2500 FROM hr.employees ON CONFLICT DO NOTHING;
UPDATE payroll.salaries SET monthly = monthly + 1.5 WHERE employee = 'E7';
UPDATE hr.employees SET room = '3.14' WHERE pers_nr = 'E8';
