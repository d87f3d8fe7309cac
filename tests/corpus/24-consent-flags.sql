-- before
CREATE TABLE consents (
  patient uuid PRIMARY KEY, research char(1) NOT NULL DEFAULT 'N', marketing char(1) NOT NULL DEFAULT 'N', scanned varchar(9) NOT NULL,
  CONSTRAINT research_yn CHECK (research IN ('Y', 'N')), CONSTRAINT marketing_yn CHECK (marketing IN ('Y', 'N'))
);
COMMENT ON COLUMN consents.research IS 'art. 9 GDPR';
INSERT INTO consents
  SELECT md5(n::text)::uuid, CASE WHEN n % 3 = 0 THEN 'Y' ELSE 'N' END, CASE WHEN n % 4 = 0 THEN 'Y' ELSE 'N' END, 'scan' || n FROM generate_series(1, 50) n;

-- direct
ALTER TABLE consents DROP CONSTRAINT research_yn, DROP CONSTRAINT marketing_yn, ALTER research DROP DEFAULT, ALTER marketing DROP DEFAULT;
ALTER TABLE consents ALTER research TYPE boolean USING research = 'Y', ALTER marketing TYPE boolean USING marketing = 'Y', DROP scanned;
ALTER TABLE consents ALTER research SET DEFAULT false, ALTER marketing SET DEFAULT false;

-- writes
INSERT INTO consents (patient, scanned) SELECT md5('new' || count(*))::uuid, 'later' FROM consents ON CONFLICT DO NOTHING;
UPDATE consents SET research = CASE research WHEN 'Y' THEN 'N' ELSE 'Y' END WHERE scanned IN ('scan3', 'scan4');
UPDATE consents SET scanned = 'again' WHERE patient = md5('9')::uuid;
