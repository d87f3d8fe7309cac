//! Version schemas: for each schema of the migration a second one of views,
//! one per table, that shows it as the new version of the application sees it.
//!
//! Prepared in expand and closed to everyone, opened when the new form is
//! published, and kept as the present version after contract, when the schema
//! of the version before goes last.

use super::action::{Action, Load, Mode, when};
use super::catalog::{Catalog, OldVersion, OldView};
use super::change::{Deed, Pair, Place};
use super::column::{GRANTEE, copy_rights};
use super::form::{Form, Impossible, Label, impossible};
use super::view::{View, views};
use crate::base::{Ident, quote_literal};
use crate::migration::Migration;
use std::collections::BTreeSet;

/// Servers from this version on check the rights of whoever uses a view.
const INVOKER_FROM: u32 = 150_000;

/// One version schema.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// The schema that it shows.
    pub(crate) base: Ident,
    /// Its own name.
    pub(crate) schema: Ident,
    /// The version before, if there is one.
    pub(crate) old: Option<OldVersion>,
    views: Vec<View>,
    is_invoker: bool,
}

/// What a schema must carry as its comment to count as a version.
pub(crate) fn version_comment(base: &Ident) -> String {
    format!("pilothouse: version of {base}")
}

fn drop_view(schema: &Ident, name: &Ident) -> String {
    format!("DROP VIEW IF EXISTS {schema}.{name}")
}

/// The version schemas of a migration.
pub(crate) fn versions(
    migration: &Migration,
    catalog: &Catalog,
    forms: &[Form],
) -> Result<Vec<Version>, Impossible> {
    if migration.versions.is_none() {
        return Ok(Vec::new());
    }
    let bases: BTreeSet<&Ident> = migration
        .operations
        .iter()
        .filter_map(|operation| operation.table().map(|table| &table.schema))
        .collect();
    let one = |base: &Ident| {
        let name = migration.versions.schema_of(base);
        let schema = Ident::new(name.unwrap_or_default()).map_err(|error| Impossible {
            key: "version".into(),
            what: format!("the schema of the version cannot be named: {error}"),
            remedy: "give version a shorter name, such as \"v2\"".into(),
        })?;
        if catalog.taken_schemas.contains(&schema) {
            return impossible(
                "version",
                format!("there is a schema {} already", schema.as_str()),
                "give version another name, or drop that schema if it is a leftover",
            );
        }
        let mut old = catalog.versions.iter().filter(|old| old.base == *base);
        let before = old.next().cloned();
        if let Some(second) = old.next() {
            return impossible(
                "versions",
                format!(
                    "schema {} has two versions already: {} and {}",
                    base.as_str(),
                    before.map_or_else(String::new, |b| b.schema.as_str().to_owned()),
                    second.schema.as_str()
                ),
                "end the rollout that made the newer one, or drop it",
            );
        }
        Ok(Version {
            base: base.clone(),
            schema,
            old: before,
            views: views(migration, catalog, forms, base),
            is_invoker: catalog.server_version >= INVOKER_FROM,
        })
    };
    bases.into_iter().map(one).collect()
}

impl Version {
    /// By which schemas a writer's version is known.
    pub(crate) fn label(&self) -> Label {
        let old = self.old.iter().map(|old| old.schema.clone());
        Label {
            new: self.schema.clone(),
            old: old.chain([self.base.clone()]).collect(),
        }
    }

    /// Statements that make the view of one table, if it has one.
    pub(crate) fn create_view(&self, table: &Ident) -> Vec<String> {
        let mut statements = Vec::new();
        for view in self.views.iter().filter(|view| view.table == *table) {
            let columns: Vec<String> = view
                .columns
                .iter()
                .map(|shown| format!("t.{} AS {}", shown.column, shown.name))
                .collect();
            let with = if self.is_invoker {
                " WITH (security_invoker=true)"
            } else {
                ""
            };
            let name = format!("{}.{}", self.schema, view.name);
            statements.push(format!(
                "CREATE VIEW {name}{with} AS SELECT {} FROM {}.{} AS t",
                columns.join(", "),
                self.base,
                view.table
            ));
            for shown in &view.columns {
                if let Some(default) = &shown.default {
                    statements.push(format!(
                        "ALTER VIEW {name} ALTER COLUMN {} SET DEFAULT {default}",
                        shown.name
                    ));
                }
                if let Some(comment) = &shown.comment {
                    statements.push(format!(
                        "COMMENT ON COLUMN {name}.{} IS {}",
                        shown.name,
                        quote_literal(comment)
                    ));
                }
            }
        }
        statements
    }

    /// Statement that drops the view of one table.
    pub(crate) fn drop_view(&self, table: &Ident) -> Vec<String> {
        let views = self.views.iter().filter(|view| view.table == *table);
        views
            .map(|view| drop_view(&self.schema, &view.name))
            .collect()
    }

    /// Statements that drop what the version before shows of a table: it
    /// cannot outlive the columns that go.
    pub(crate) fn drop_old_view(&self, table: &Ident) -> Vec<String> {
        let views = self.old.iter().flat_map(|old| {
            let views = old.views.iter().filter(|view| view.table == *table);
            views.map(|view| drop_view(&old.schema, &view.name))
        });
        views.collect()
    }

    /// The comment of the schema while it is closed.
    fn unfinished(&self) -> String {
        format!("pilothouse: version in the making of {}", self.base)
    }

    /// What is done about this version on its way.
    pub(super) fn deeds(&self) -> Vec<Deed> {
        let mut deeds = vec![self.prepare(), self.publish()];
        deeds.extend(self.old.iter().flat_map(|old| self.end(old)));
        deeds
    }

    fn prepare(&self) -> Deed {
        let schema = &self.schema;
        let mut run = vec![
            format!("CREATE SCHEMA {schema}"),
            format!(
                "COMMENT ON SCHEMA {schema} IS {}",
                quote_literal(&self.unfinished())
            ),
        ];
        let mut undo = Vec::new();
        for view in &self.views {
            run.extend(self.create_view(&view.table));
            undo.extend(self.drop_view(&view.table));
        }
        undo.push(format!("DROP SCHEMA {schema}"));
        self.pair(
            Place::Expand,
            "prepare",
            (
                format!("prepare version {}", schema.as_str()),
                format!("drop version {}", schema.as_str()),
            ),
            (run, undo),
        )
    }

    /// Whoever may use a table may use its view.
    fn publish(&self) -> Deed {
        let (schema, base) = (&self.schema, quote_literal(self.base.as_str()));
        let mut give = vec![format!(
            "FOR g IN SELECT a.grantee FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a
    WHERE n.nspname = {base} AND a.privilege_type = 'USAGE' AND a.grantee <> n.nspowner LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %s', {}, {GRANTEE});
  END LOOP;",
            quote_literal(&schema.to_string())
        )];
        for view in &self.views {
            give.push(self.give_view(view));
        }
        let body = format!("DECLARE g record;\nBEGIN\n  {}\nEND", give.join("\n  "));
        let mut run = Vec::new();
        for view in &self.views {
            let qualified = format!("{}.{}", self.base, view.table);
            let copies = view.columns.iter().filter_map(|shown| {
                let old = shown.replaces.as_ref()?;
                Some(copy_rights(&qualified, old, &shown.column))
            });
            run.extend(copies);
        }
        run.push(format!("DO {}", quote_literal(&body)));
        run.push(format!(
            "COMMENT ON SCHEMA {schema} IS {}",
            quote_literal(&version_comment(&self.base))
        ));
        let take = format!(
            "DECLARE g record;
BEGIN
  FOR g IN SELECT DISTINCT a.grantee FROM pg_namespace n, LATERAL (
      SELECT grantee FROM aclexplode(n.nspacl) UNION ALL
      SELECT x.grantee FROM pg_class c, LATERAL aclexplode(c.relacl) x WHERE c.relnamespace = n.oid UNION ALL
      SELECT x.grantee FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, LATERAL aclexplode(t.attacl) x
        WHERE c.relnamespace = n.oid) a
      WHERE n.nspname = {name} AND a.grantee <> n.nspowner LOOP
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM %s', {quoted}, {GRANTEE});
    EXECUTE format('REVOKE ALL ON SCHEMA %s FROM %s', {quoted}, {GRANTEE});
  END LOOP;
END",
            name = quote_literal(schema.as_str()),
            quoted = quote_literal(&schema.to_string()),
        );
        let undo = vec![
            format!("DO {}", quote_literal(&take)),
            format!(
                "COMMENT ON SCHEMA {schema} IS {}",
                quote_literal(&self.unfinished())
            ),
        ];
        self.pair(
            Place::Publish,
            "open",
            (
                format!("open version {}", schema.as_str()),
                format!("close version {}", schema.as_str()),
            ),
            (run, undo),
        )
    }

    /// Rights on a table and its columns, for its view and the columns there.
    /// A new column needs those of the one that it replaces, too: the rights
    /// that count are those of whoever uses the view.
    fn give_view(&self, view: &View) -> String {
        let qualified = format!("{}.{}", self.base, view.table);
        let name = format!("{}.{}", self.schema, view.name);
        let mut pairs = Vec::new();
        for shown in &view.columns {
            pairs.push(format!(
                "({}, {})",
                quote_literal(shown.column.as_str()),
                quote_literal(shown.name.as_str())
            ));
        }
        format!(
            "FOR g IN SELECT a.privilege_type, a.grantee, a.is_grantable FROM pg_class c, LATERAL aclexplode(c.relacl) a
    WHERE c.oid = {table}::regclass AND a.grantee <> c.relowner LOOP
    EXECUTE format('GRANT %s ON %s TO %s%s', g.privilege_type, {view},
      {GRANTEE},
      CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
  FOR g IN SELECT a.privilege_type, a.grantee, v.shown FROM (VALUES {pairs}) AS v(col, shown)
      JOIN pg_attribute t ON t.attrelid = {table}::regclass AND t.attname = v.col, LATERAL aclexplode(t.attacl) a LOOP
    EXECUTE format('GRANT %s (%I) ON %s TO %s', g.privilege_type, g.shown, {view},
      {GRANTEE});
  END LOOP;",
            table = quote_literal(&qualified),
            view = quote_literal(&name),
            pairs = pairs.join(", "),
        )
    }

    /// The version before goes last, and comes back when everything that it
    /// shows is there again.
    fn end(&self, old: &OldVersion) -> [Deed; 2] {
        let there = format!(
            "EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = {})",
            quote_literal(old.schema.as_str())
        );
        let whole = |view: &OldView| {
            let name = format!("{}.{}", old.schema, view.name);
            format!("to_regclass({}) IS NOT NULL", quote_literal(&name))
        };
        let mut whole: Vec<String> = old.views.iter().map(whole).collect();
        whole.push(there.clone());
        let mut drop: Vec<String> = old
            .views
            .iter()
            .map(|view| drop_view(&old.schema, &view.name))
            .collect();
        let mut make = drop.clone();
        drop.push(format!("DROP SCHEMA IF EXISTS {}", old.schema));
        make.push(format!("CREATE SCHEMA IF NOT EXISTS {}", old.schema));
        make.push(format!(
            "COMMENT ON SCHEMA {} IS {}",
            old.schema,
            quote_literal(&version_comment(&self.base))
        ));
        make.extend(old.views.iter().flat_map(|view| view.statements.clone()));
        make.extend(old.grants.iter().cloned());
        let lock = "none on your tables; the views of the old version go";
        let gone = Action {
            id: format!("version/{}/end", self.base.as_str()),
            title: format!("drop version {}", old.schema.as_str()),
            probe: when(&format!("NOT {there}")),
            statements: drop,
            mode: Mode::Transaction,
            load: Load::Brief,
            lock,
        };
        let back = Action {
            id: format!("undo/version/{}/end", self.base.as_str()),
            title: format!("bring version {} back", old.schema.as_str()),
            probe: when(&whole.join(" AND ")),
            statements: make,
            mode: Mode::Transaction,
            load: Load::Brief,
            lock,
        };
        [
            Deed {
                place: Place::Settle,
                run: vec![gone],
                undo: vec![],
            },
            Deed {
                place: Place::Unhook,
                run: vec![],
                undo: vec![back],
            },
        ]
    }

    fn pair(
        &self,
        place: Place,
        step: &str,
        (title, undo_title): (String, String),
        (run, undo): (Vec<String>, Vec<String>),
    ) -> Deed {
        let pair = Pair {
            id: format!("version/{}/{step}", self.base.as_str()),
            title,
            undo_title,
            run,
            undo,
            lock: "ACCESS SHARE on the tables: nobody waits",
        };
        pair.deed(place)
    }
}
