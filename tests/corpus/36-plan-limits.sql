-- before
CREATE SCHEMA billing;
CREATE TABLE billing.subscriptions (tenant text PRIMARY KEY, plan text NOT NULL, limits jsonb NOT NULL DEFAULT '{"seats": 1}', starts date NOT NULL DEFAULT '2024-01-01', ends date);
INSERT INTO billing.subscriptions (tenant, plan, limits)
  SELECT 'tenant-' || n, CASE WHEN n % 3 = 0 THEN 'gold' ELSE 'basic' END, CASE WHEN n % 3 = 0 THEN jsonb_build_object('seats', n, 'gb', n * 10.5) ELSE '{}' END
  FROM generate_series(1, 54) n;

-- direct
ALTER TABLE billing.subscriptions ADD seats integer DEFAULT 1, ADD storage_gb numeric(10,1), ADD renews daterange;
UPDATE billing.subscriptions SET seats = coalesce((limits ->> 'seats')::integer, 1), storage_gb = (limits ->> 'gb')::numeric, renews = daterange(starts, ends, '[]');
ALTER TABLE billing.subscriptions ALTER seats SET NOT NULL, ADD CONSTRAINT some_seats CHECK (seats > 0);

-- writes
INSERT INTO billing.subscriptions (tenant, plan) SELECT 'new-' || count(*), 'basic' FROM billing.subscriptions ON CONFLICT DO NOTHING;
UPDATE billing.subscriptions SET limits = limits || '{"seats": 20}', ends = '2025-12-31' WHERE tenant = 'tenant-6';
DELETE FROM billing.subscriptions WHERE tenant = 'tenant-7';
