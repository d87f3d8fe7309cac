-- before
CREATE SCHEMA league;
CREATE TABLE league.games (home text, away text, played date, h integer, a integer, PRIMARY KEY (home, away));
CREATE TABLE league.cache (k text PRIMARY KEY, v bytea);
INSERT INTO league.games SELECT 't' || n, 't' || m, date '2024-08-01' + n * m, n % 4, m % 3 FROM generate_series(1, 6) n, generate_series(1, 6) m WHERE n <> m;
INSERT INTO league.cache SELECT 'k' || n, decode('cafe', 'hex') FROM generate_series(1, 12) n;
CREATE MATERIALIZED VIEW league.ranking AS SELECT home AS team, count(*) AS games FROM league.games GROUP BY home;

-- direct
CREATE UNIQUE INDEX ranking_team ON league.ranking (team);
CREATE STATISTICS league.games_teams (dependencies, ndistinct) ON home, away FROM league.games;
DELETE FROM league.cache;
CREATE INDEX games_by_day ON league.games (played DESC NULLS LAST) WITH (deduplicate_items = off, fillfactor = 95);

-- writes
INSERT INTO league.games SELECT 'n' || count(*), 't1', current_date, 1, 1 FROM league.games ON CONFLICT DO NOTHING;
INSERT INTO league.cache VALUES ('fresh', NULL) ON CONFLICT (k) DO UPDATE SET v = excluded.v;
UPDATE league.games SET h = h + 1 WHERE home = 't2' AND away = 't3';
