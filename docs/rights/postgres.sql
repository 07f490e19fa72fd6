-- Least rights in PostgreSQL (数据库最小权限).
--
-- Run this as the owner of the tables, who must be allowed to create roles: after the first start of the gateway by
-- the owner, after each upgrade, and at least once a year, because it also makes the partitions of the next two years:
--
--     psql -v ON_ERROR_STOP=1 -1 -f docs/rights/postgres.sql 'postgres://OWNER@HOST/DATABASE'
--
-- Then give each process an account of its own:
--
--     CREATE ROLE sink1 LOGIN PASSWORD '…' IN ROLE tonghui_sink;
--
--     tonghui_ingest    采集  run --role ingest
--     tonghui_sink      入库  run --role sink
--     tonghui_operator  运维  run, and commands such as erase, key rotate, position, quarantine resolve
--     tonghui_reader    分析  the demands without tokens and sealed values; status, books, books statement, books verify, run
--                       --role console
--     tonghui_auditor   审计  audit, audit verify
--
-- None of them can change or delete a row of the audit log, or create, drop or empty a table. The owner can.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tonghui_ingest', 'tonghui_sink', 'tonghui_operator', 'tonghui_reader', 'tonghui_auditor']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I', role);
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), role);
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %I', current_schema(), role);
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM %I, PUBLIC', current_schema(), role);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END LOOP;
END $$;

-- The partitions of this month and of the next two years. Only the owner can make them.
DO $$
DECLARE
    parent text;
    month date;
    partition text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['demand_history', 'demand_raw'] LOOP
        FOR n IN 0..24 LOOP
            month := (date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date;
            partition := parent || to_char(month, '_YYYY_MM');
            IF to_regclass(partition) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
                    month || ' 00:00:00+00', (month + interval '1 month')::date || ' 00:00:00+00');
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- What every process reads, to know whether the tables are its own, and who does what.
GRANT SELECT ON _sqlx_migrations
    TO tonghui_ingest, tonghui_sink, tonghui_reader, tonghui_auditor;
GRANT SELECT ON checkpoint, mapping, read, read_part, receipt, books_day, pass_end, lease, request, backfill,
    index_position, feed_position, demand_history_seq, process, request_answer
    TO tonghui_ingest, tonghui_sink, tonghui_reader;
-- What each process says of itself, and its answers to requests that concern all of them.
GRANT INSERT, UPDATE, DELETE ON process TO tonghui_ingest, tonghui_sink;
GRANT INSERT, UPDATE, DELETE ON request_answer TO tonghui_ingest, tonghui_sink;

-- 采集: positions, the books of what was read, and the keys' check values; kept records, to map them again. It adds alarms to
-- the audit log.
GRANT INSERT, UPDATE ON checkpoint, mapping, pass_end, lease, request, backfill, failed_exchange TO tonghui_ingest;
GRANT DELETE ON backfill TO tonghui_ingest;
GRANT INSERT ON read, read_part TO tonghui_ingest;
GRANT UPDATE (lost) ON read_part TO tonghui_ingest;
GRANT SELECT, INSERT, DELETE ON sealing_key TO tonghui_ingest;
GRANT SELECT ON demand, demand_history, demand_raw, quarantine, failed_exchange TO tonghui_ingest;
GRANT SELECT, INSERT ON audit TO tonghui_ingest;
GRANT SELECT, INSERT, UPDATE ON audit_end TO tonghui_ingest;

-- 入库: demands, history and quarantine; receipts; the indexes of people and links; how far the change feed has told.
GRANT SELECT, INSERT, UPDATE ON demand, quarantine TO tonghui_sink;
GRANT SELECT, INSERT ON demand_history, demand_raw, demand_person, demand_link TO tonghui_sink;
GRANT USAGE, SELECT ON demand_seq, demand_history_seq TO tonghui_sink;
GRANT UPDATE ON index_position, feed_position TO tonghui_sink;
GRANT INSERT, UPDATE, DELETE ON receipt TO tonghui_sink;
GRANT INSERT, UPDATE ON books_day, lease TO tonghui_sink;
GRANT DELETE ON read, read_part, pass_end, request TO tonghui_sink;
GRANT SELECT, DELETE ON failed_exchange TO tonghui_sink;
-- To copy it.
GRANT SELECT ON audit TO tonghui_sink;

-- 运维: both, and what erases a person or seals everything anew.
GRANT tonghui_ingest, tonghui_sink TO tonghui_operator;
GRANT UPDATE, DELETE ON demand_raw TO tonghui_operator;
GRANT UPDATE (tokens) ON demand_history TO tonghui_operator;
GRANT DELETE ON demand_person TO tonghui_operator;

-- 分析: no address, people or unmasked of a demand, no tokens of history, no record, no index of people. A column
-- that an upgrade adds is not readable until this file names it.
GRANT SELECT (seq, id, channel, source_key, revision, read_no, mapping, first_seen_at, last_seen_at, digest, source_no,
    kind, kind_raw, category, category_raw, received_at, occurred_at, updated_at, urgency, region, region_raw,
    address_area, people_count, initiative, grid, anonymous, confidential, status, status_raw, org, org_raw, accepted_at,
    dispatched_at, signed_at, responded_at, resolved_at, closed_at, due_at, wish_at, counts, flags, location, repeat,
    enterprise, org_joint, tags, title, origin, quality, related, attachments, evaluations, tasks, trail, content, reply)
    ON demand TO tonghui_reader;
GRANT SELECT (seq, demand, revision, read_no, mapping, outcome, status, digest, changed, seen_at, cause, kind, region)
    ON demand_history TO tonghui_reader;
GRANT SELECT (seq, id, channel, source_key, revision, read_no, mapping, reason, detail, place, message, first_seen_at,
    last_seen_at, times_seen, resolved_at)
    ON quarantine TO tonghui_reader;
GRANT SELECT ON demand_link TO tonghui_reader;
-- For the alarms in `status`. The subject of an erasure is a token, but nobody has that token any more.
GRANT SELECT (seq, at, action, subject) ON audit TO tonghui_reader;

-- 审计
GRANT SELECT ON audit, audit_end TO tonghui_auditor;
