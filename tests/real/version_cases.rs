//! Changes that live in two versions at once: what is there, what the migration
//! says, and what must hold while clients of both write.

use crate::operation_cases::Op;

/// One change that lives in two versions at once. `{v}` stands for the schema
/// of the new version.
pub struct Both {
    pub op: Op,
    /// Writes through the new version, from shift on.
    pub new_writes: &'static str,
    /// What must be true in shift, after writes through both: queries that
    /// return one boolean, run as the application.
    pub truths: &'static [&'static str],
    /// Writes through the new version that must fail, with their SQLSTATE.
    pub refused: &'static [(&'static str, &'static str)],
}

const STAFF: &str = "CREATE TABLE {s}.person (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40), rating text DEFAULT '0' NOT NULL,
      number serial, boss bigint CONSTRAINT person_boss REFERENCES {s}.person (id), seen timestamptz DEFAULT now(),
      CONSTRAINT rating_short CHECK (length(rating) < 5), CONSTRAINT one_rating UNIQUE (name, rating) DEFERRABLE);
    COMMENT ON COLUMN {s}.person.rating IS 'from 0 to 99';
    CREATE INDEX person_rating ON {s}.person (rating DESC) WHERE rating <> '0';
    CREATE UNIQUE INDEX person_lower ON {s}.person (lower(name), (rating || 'x'));
    INSERT INTO {s}.person (name, rating) SELECT 'n' || n, n % 90 FROM generate_series(1, 40) n;
    GRANT USAGE ON SEQUENCE {s}.person_number_seq TO app";

const STAFF_WRITES: &str =
    "INSERT INTO {s}.person (name, rating) SELECT 'w' || count(*), '7' FROM {s}.person;
    UPDATE {s}.person SET rating = '8' WHERE name = 'n3';
    UPDATE {s}.person SET name = name WHERE id = 5";

const fn staff(name: &'static str, migration: &'static str, direct: &'static str) -> Op {
    Op {
        name,
        setup: STAFF,
        migration,
        direct,
        writes: STAFF_WRITES,
    }
}

pub const BOTH: &[Both] = &[
    Both {
        op: staff(
            "rename_column and rename_table",
            r#"[[operation]]
rename_column = { table = "{s}.person", from = "rating", to = "stars" }
[[operation]]
rename_table = { table = "{s}.person", to = "staff" }"#,
            "ALTER TABLE {s}.person RENAME COLUMN rating TO stars;
             ALTER TABLE {s}.person RENAME TO staff",
        ),
        new_writes: "INSERT INTO {v}.staff (name, stars) SELECT 'v' || count(*), '9' FROM {v}.staff;
            UPDATE {v}.staff SET stars = '6' WHERE name = 'n4';
            DELETE FROM {v}.staff WHERE name = 'n6'",
        truths: &[
            "SELECT (SELECT rating FROM {s}.person WHERE name = 'n4') = '6'",
            "SELECT (SELECT stars FROM {v}.staff WHERE name = 'n3') = '8'",
            "SELECT (SELECT count(*) FROM {s}.person) = (SELECT count(*) FROM {v}.staff)",
            "SELECT col_description('{v}.staff'::regclass, 3) = 'from 0 to 99'",
        ],
        refused: &[],
    },
    Both {
        op: Op {
            name: "alter_column: another type, with all that hangs on the column",
            setup: "CREATE TABLE {s}.person (
                  id uuid DEFAULT gen_random_uuid(), part integer DEFAULT 1, name text COLLATE \"C\", rating text DEFAULT '0' NOT NULL,
                  PRIMARY KEY (id, part), CONSTRAINT rated CHECK (rating IS NOT NULL AND name <> ''),
                  CONSTRAINT one_rating UNIQUE (name, rating) DEFERRABLE INITIALLY DEFERRED);
                CREATE INDEX person_rating ON {s}.person (rating DESC, name) WHERE rating IS NOT NULL;
                CREATE UNIQUE INDEX person_name ON {s}.person (name, part) INCLUDE (rating) WITH (fillfactor = 60);
                INSERT INTO {s}.person (name, rating) SELECT 'n' || n, n FROM generate_series(1, 40) n;
                GRANT SELECT (name, rating), UPDATE (rating) ON {s}.person TO app",
            migration: r#"[[operation]]
alter_column = { table = "{s}.person", column = "rating", type = "integer", up = "rating::integer", down = "rating::text", default = "0", comment = "it's a number" }"#,
            direct: "ALTER TABLE {s}.person ADD r integer;
                UPDATE {s}.person SET r = rating::integer;
                GRANT SELECT (r), UPDATE (r) ON {s}.person TO app;
                ALTER TABLE {s}.person DROP rating;
                ALTER TABLE {s}.person RENAME r TO rating;
                ALTER TABLE {s}.person ALTER rating SET NOT NULL, ALTER rating SET DEFAULT 0,
                  ADD CONSTRAINT rated CHECK (rating IS NOT NULL AND name <> ''),
                  ADD CONSTRAINT one_rating UNIQUE (name, rating) DEFERRABLE INITIALLY DEFERRED;
                COMMENT ON COLUMN {s}.person.rating IS 'it''s a number';
                CREATE INDEX person_rating ON {s}.person (rating DESC, name) WHERE rating IS NOT NULL;
                CREATE UNIQUE INDEX person_name ON {s}.person (name, part) INCLUDE (rating) WITH (fillfactor = 60)",
            writes: "INSERT INTO {s}.person (name, rating) SELECT 'w' || count(*), '7' FROM {s}.person;
                UPDATE {s}.person SET rating = '8' WHERE name = 'n3';
                UPDATE {s}.person SET id = gen_random_uuid() WHERE name = 'n5'",
        },
        new_writes: "INSERT INTO {v}.person (name, rating) SELECT 'v' || count(*), 9 FROM {v}.person;
            RESET search_path;
            INSERT INTO {v}.person (name, rating) SELECT 'v' || count(*), 9 FROM {v}.person;
            INSERT INTO {v}.person (name) SELECT 'd' || count(*) FROM {v}.person;
            UPDATE {v}.person SET rating = rating + 100 WHERE name = 'n9' AND rating < 100",
        truths: &[
            "SELECT (SELECT rating FROM {s}.person WHERE name = 'n9') = '109'",
            "SELECT (SELECT rating FROM {v}.person WHERE name = 'n3') = 8",
            "SELECT count(*) > 0 AND bool_and(rating = '9') FROM {s}.person WHERE name LIKE 'v%'",
            "SELECT count(*) > 0 AND bool_and(rating = '0') FROM {s}.person WHERE name LIKE 'd%'",
            "SELECT bool_and(o.rating = n.rating::text) FROM {s}.person o JOIN {v}.person n USING (id, part)",
            "SELECT pg_typeof(rating) = 'integer'::regtype FROM {v}.person LIMIT 1",
        ],
        refused: &[("22P02", "INSERT INTO {v}.person (name, rating) VALUES ('x', 'y')")],
    },
    Both {
        op: staff(
            "alter_column: not null, rows without a value get one",
            r#"[[operation]]
alter_column = { table = "{s}.person", column = "name", nullable = false, up = "coalesce(name, 'nobody ' || id)", constraints = [{ name = "named", check = { expression = "length(name) > 1" } }] }"#,
            "UPDATE {s}.person SET name = 'nobody' WHERE name IS NULL;
             ALTER TABLE {s}.person ADD n varchar(40);
             UPDATE {s}.person SET n = name;
             ALTER TABLE {s}.person DROP name;
             ALTER TABLE {s}.person RENAME n TO name;
             ALTER TABLE {s}.person ALTER name SET NOT NULL, ADD CONSTRAINT named CHECK (length(name) > 1),
               ADD CONSTRAINT one_rating UNIQUE (name, rating) DEFERRABLE;
             CREATE UNIQUE INDEX person_lower ON {s}.person (lower(name), (rating || 'x'))",
        ),
        new_writes: "INSERT INTO {v}.person (name, rating) SELECT 'v' || count(*), '9' FROM {v}.person;
            UPDATE {v}.person SET name = 'renamed' WHERE name = 'n9';
            INSERT INTO {v}.person (name, rating) VALUES ('n1', '1') ON CONFLICT (lower(name), (rating || 'x')) DO NOTHING",
        truths: &[
            "SELECT EXISTS (SELECT 1 FROM {s}.person WHERE name = 'renamed')",
            "SELECT NOT EXISTS (SELECT 1 FROM {v}.person WHERE name IS NULL)",
        ],
        refused: &[
            ("23514", "INSERT INTO {v}.person (name) VALUES ('x')"),
            ("23514", "UPDATE {v}.person SET name = NULL WHERE name = 'n2'"),
        ],
    },
    Both {
        op: staff(
            "alter_column: null allowed, the old version sees a value",
            r#"[[operation]]
alter_column = { table = "{s}.person", column = "rating", nullable = true, down = "coalesce(rating, '-1')", drop_comment = true }"#,
            "ALTER TABLE {s}.person ADD r text;
             UPDATE {s}.person SET r = rating;
             ALTER TABLE {s}.person DROP rating;
             ALTER TABLE {s}.person RENAME r TO rating;
             ALTER TABLE {s}.person ALTER rating SET DEFAULT '0', ADD CONSTRAINT rating_short CHECK (length(rating) < 5),
               ADD CONSTRAINT one_rating UNIQUE (name, rating) DEFERRABLE;
             CREATE INDEX person_rating ON {s}.person (rating DESC) WHERE rating <> '0';
             CREATE UNIQUE INDEX person_lower ON {s}.person (lower(name), (rating || 'x'))",
        ),
        new_writes: "INSERT INTO {v}.person (name, rating) SELECT 'v' || count(*), NULL FROM {v}.person;
            INSERT INTO {v}.person (name) SELECT 'd' || count(*) FROM {v}.person;
            UPDATE {v}.person SET rating = NULL WHERE name = 'n9'",
        truths: &[
            "SELECT (SELECT rating FROM {s}.person WHERE name = 'n9') = '-1'",
            "SELECT (SELECT rating FROM {v}.person WHERE name = 'n9') IS NULL",
            "SELECT count(*) > 0 FROM {s}.person WHERE name LIKE 'v%' AND rating = '-1'",
            "SELECT count(*) > 0 FROM {v}.person WHERE name LIKE 'd%' AND rating = '0'",
            "SELECT count(*) = 0 FROM {v}.person WHERE name LIKE 'v%' AND rating <> '-1'",
        ],
        refused: &[("23514", "INSERT INTO {v}.person (name, rating) VALUES ('x', 'too long')")],
    },
    Both {
        op: staff(
            "alter_column: a serial column and a foreign key, renamed too",
            r#"[[operation]]
alter_column = { table = "{s}.person", column = "number", type = "bigint", up = "number::bigint", down = "number::integer" }
[[operation]]
alter_column = { table = "{s}.person", column = "boss", up = "nullif(boss, 0)", down = "boss", constraints = [{ name = "boss_also", foreign_key = { table = "{s}.person", referenced = ["id"], on_delete = "set_null" } }] }
[[operation]]
rename_column = { table = "{s}.person", from = "seen", to = "seen_at" }"#,
            "ALTER TABLE {s}.person ADD nn bigint;
             UPDATE {s}.person SET nn = number;
             ALTER SEQUENCE {s}.person_number_seq OWNED BY {s}.person.nn;
             ALTER TABLE {s}.person ALTER nn SET DEFAULT nextval('{s}.person_number_seq');
             ALTER TABLE {s}.person DROP number;
             ALTER TABLE {s}.person RENAME nn TO number;
             ALTER TABLE {s}.person ALTER number SET NOT NULL;
             ALTER TABLE {s}.person ADD b bigint;
             UPDATE {s}.person SET b = boss;
             ALTER TABLE {s}.person DROP boss;
             ALTER TABLE {s}.person RENAME b TO boss;
             ALTER TABLE {s}.person ADD CONSTRAINT person_boss FOREIGN KEY (boss) REFERENCES {s}.person (id);
             ALTER TABLE {s}.person ADD CONSTRAINT boss_also FOREIGN KEY (boss) REFERENCES {s}.person (id) ON DELETE SET NULL;
             ALTER TABLE {s}.person RENAME seen TO seen_at",
        ),
        new_writes: "INSERT INTO {v}.person (name, boss) SELECT 'v' || count(*), 5 FROM {v}.person;
            UPDATE {v}.person SET number = 5000 + id WHERE name = 'n9'",
        truths: &[
            "SELECT (SELECT number > 5000 FROM {s}.person WHERE name = 'n9')",
            "SELECT count(*) > 0 AND bool_and(number IS NOT NULL) FROM {s}.person WHERE name LIKE 'v%' AND boss = 5",
            "SELECT count(seen_at) > 0 FROM {v}.person",
        ],
        refused: &[("23503", "UPDATE {v}.person SET boss = 4711 WHERE name = 'n9'")],
    },
    Both {
        op: Op {
            name: "drop_column: with what hangs on it, and one without a value for new rows",
            setup: "CREATE TABLE {s}.item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text CONSTRAINT label_needed NOT NULL,
                  size integer DEFAULT 3, note text, CONSTRAINT label_size UNIQUE (label, size), CONSTRAINT short CHECK (length(label) < 9));
                COMMENT ON COLUMN {s}.item.size IS 'in metres'; GRANT SELECT (label, size), UPDATE (size) ON {s}.item TO app;
                CREATE INDEX item_label ON {s}.item (lower(label)) WHERE size > 1;
                INSERT INTO {s}.item (label, size, note) SELECT 'l' || n, n, 'n' || n FROM generate_series(1, 30) n",
            migration: r#"[[operation]]
drop_column = { table = "{s}.item", column = "label", down = "'new ' || id" }
[[operation]]
drop_column = { table = "{s}.item", column = "size" }
[[operation]]
rename_column = { table = "{s}.item", from = "note", to = "remark" }"#,
            direct: "ALTER TABLE {s}.item DROP label; ALTER TABLE {s}.item DROP size; ALTER TABLE {s}.item RENAME note TO remark",
            writes: "INSERT INTO {s}.item (label, size, note) SELECT 'w' || max(id), 4, 'w' FROM {s}.item;
                UPDATE {s}.item SET label = label || '!' WHERE id = 3 AND label NOT LIKE '%!'",
        },
        new_writes: "INSERT INTO {v}.item (remark) SELECT 'v' || count(*) FROM {v}.item;
            UPDATE {v}.item SET remark = 'changed' WHERE id = 5",
        truths: &[
            "SELECT bool_and(label = 'new ' || id AND size = 3) FROM {s}.item WHERE note LIKE 'v%'",
            "SELECT note = 'changed' AND label = 'l5' FROM {s}.item WHERE id = 5",
            "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = '{v}.item'::regclass AND attnum > 0",
        ],
        refused: &[("42703", "UPDATE {v}.item SET label = 'x' WHERE id = 5")],
    },
    Both {
        op: staff(
            "alter_column: without a unique constraint and a check, the old version sees what fits them",
            r#"[[operation]]
alter_column = { table = "{s}.person", column = "rating", down = "CASE WHEN length(rating) < 5 THEN rating ELSE id::text END", drop_constraints = ["rating_short", "one_rating"] }"#,
            "ALTER TABLE {s}.person ADD r text;
             UPDATE {s}.person SET r = rating;
             ALTER TABLE {s}.person DROP rating;
             ALTER TABLE {s}.person RENAME r TO rating;
             ALTER TABLE {s}.person ALTER rating SET DEFAULT '0', ALTER rating SET NOT NULL;
             COMMENT ON COLUMN {s}.person.rating IS 'from 0 to 99';
             CREATE INDEX person_rating ON {s}.person (rating DESC) WHERE rating <> '0';
             CREATE UNIQUE INDEX person_lower ON {s}.person (lower(name), (rating || 'x'))",
        ),
        new_writes: "INSERT INTO {v}.person (name, rating) SELECT 'v' || count(*), 'too long for the old' FROM {v}.person;
            UPDATE {v}.person SET rating = 'also too long' WHERE name = 'n9'",
        truths: &[
            "SELECT (SELECT rating = id::text FROM {s}.person WHERE name = 'n9')",
            "SELECT (SELECT rating FROM {v}.person WHERE name = 'n9') = 'also too long'",
            "SELECT bool_and(length(rating) < 5) FROM {s}.person",
            "SELECT (SELECT rating FROM {v}.person WHERE name = 'n3') = '8'",
        ],
        refused: &[("23514", "UPDATE {v}.person SET rating = NULL WHERE name = 'n9'")],
    },
];
