//! Made-up operations, each with the direct statement that means the same.

use crate::random_case::{Column, Maker, Table, quoted, toml, value};

impl Maker {
    /// One operation on a random table; nothing where that has no place.
    pub fn operation(&mut self, has_versions: bool) {
        if self.tables.is_empty() {
            return;
        }
        let place = self.dice.below(self.tables.len());
        let table = self.tables[place].clone();
        let (at, named) = (self.qualified(&table.name), self.named(&table.name));
        let free: Vec<Column> = table
            .columns
            .iter()
            .filter(|c| !c.is_key && c.name != "n")
            .cloned()
            .collect();
        let kind = self.dice.below(if has_versions { 16 } else { 12 });
        match kind {
            0 | 1 => self.add_column(&table, &at, &named),
            2 => {
                let index = self.fresh();
                let Some(column) = self.dice.pick(&table.columns).cloned() else {
                    return;
                };
                self.push(
                    &format!("create_index = {{ table = {named}, name = {}, keys = [{{ column = {} }}] }}", toml(&index), toml(&column.name)),
                    format!("CREATE INDEX {} ON {at} ({})", quoted(&index), quoted(&column.name)),
                );
            }
            3 => {
                let Some(index) = self.dice.pick(&table.indexes).cloned() else {
                    return;
                };
                self.tables[place].indexes.retain(|i| *i != index);
                let index = self.qualified(&index);
                self.push(
                    &format!("drop_index = {{ index = {} }}", toml(&index)),
                    format!("DROP INDEX {index}"),
                );
            }
            4 => {
                let name = self.fresh();
                self.push(
                    &format!("create_constraint = {{ table = {named}, constraint = {{ name = {}, check = {{ expression = \"n < 1000\" }} }} }}", toml(&name)),
                    format!("ALTER TABLE {at} ADD CONSTRAINT {} CHECK (n < 1000)", quoted(&name)),
                );
            }
            5 => {
                let Some(name) = self.dice.pick(&table.constraints).cloned() else {
                    return;
                };
                self.tables[place].constraints.retain(|c| *c != name);
                let (operation, direct) = match self.dice.chance(50) {
                    true => (
                        format!(
                            "drop_constraint = {{ table = {named}, name = {} }}",
                            toml(&name)
                        ),
                        format!("ALTER TABLE {at} DROP CONSTRAINT {}", quoted(&name)),
                    ),
                    false => {
                        let to = self.fresh();
                        (
                            format!(
                                "rename_constraint = {{ table = {named}, from = {}, to = {} }}",
                                toml(&name),
                                toml(&to)
                            ),
                            format!(
                                "ALTER TABLE {at} RENAME CONSTRAINT {} TO {}",
                                quoted(&name),
                                quoted(&to)
                            ),
                        )
                    }
                };
                self.push(&operation, direct);
            }
            6 => {
                let Some(column) = self.dice.pick(&free).cloned() else {
                    return;
                };
                let (key, alter) = match column.not_null {
                    true => ("nullable = true", "DROP NOT NULL"),
                    false => ("nullable = false", "SET NOT NULL"),
                };
                self.alter(
                    &named,
                    &column.name,
                    key,
                    format!(
                        "ALTER TABLE {at} ALTER COLUMN {} {alter}",
                        quoted(&column.name)
                    ),
                );
            }
            7 => {
                let Some(column) = self.dice.pick(&free).cloned() else {
                    return;
                };
                let comment = format!(
                    "COMMENT ON COLUMN {at}.{} IS 'isn''t it'",
                    quoted(&column.name)
                );
                self.alter(&named, &column.name, "comment = \"isn't it\"", comment);
            }
            8 => {
                let texts: Vec<Column> = free
                    .into_iter()
                    .filter(|c| c.sql_type.starts_with("character"))
                    .collect();
                let Some(column) = self.dice.pick(&texts).cloned() else {
                    return;
                };
                let direct = format!(
                    "ALTER TABLE {at} ALTER COLUMN {} TYPE varchar(90)",
                    quoted(&column.name)
                );
                self.alter(&named, &column.name, "type = \"varchar(90)\"", direct);
            }
            9 => {
                let name = self.fresh();
                let made = self.qualified(&name);
                self.push(
                    &format!("create_table = {{ table = {}, primary_key = [\"id\"], columns = [{{ name = \"id\", type = \"bigint\", nullable = false, identity = \"always\" }}, {{ name = \"what\", type = \"text\", default = \"'x'\" }}] }}", toml(&made)),
                    format!("CREATE TABLE {made} (id bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text DEFAULT 'x')"),
                );
            }
            10 => {
                self.tables.remove(place);
                self.push(
                    &format!("drop_table = {{ table = {named} }}"),
                    format!("DROP TABLE {at}"),
                );
            }
            11 => self.push(
                &format!("set_replica_identity = {{ table = {named}, identity = \"full\" }}"),
                format!("ALTER TABLE {at} REPLICA IDENTITY FULL"),
            ),
            12 => {
                let Some(column) = self.dice.pick(&free).cloned() else {
                    return;
                };
                self.tables[place].columns.retain(|c| c.name != column.name);
                self.push(
                    &format!(
                        "drop_column = {{ table = {named}, column = {}, down = {} }}",
                        toml(&column.name),
                        toml(&value(column.sql_type))
                    ),
                    format!("ALTER TABLE {at} DROP COLUMN {}", quoted(&column.name)),
                );
            }
            13 => {
                let Some(column) = self.dice.pick(&table.columns[1..]).cloned() else {
                    return;
                };
                let to = self.fresh();
                self.push(
                    &format!(
                        "rename_column = {{ table = {named}, from = {}, to = {} }}",
                        toml(&column.name),
                        toml(&to)
                    ),
                    format!(
                        "ALTER TABLE {at} RENAME COLUMN {} TO {}",
                        quoted(&column.name),
                        quoted(&to)
                    ),
                );
                self.tables[place].columns.retain(|c| c.name != column.name);
            }
            14 => {
                let to = self.fresh();
                self.push(
                    &format!("rename_table = {{ table = {named}, to = {} }}", toml(&to)),
                    format!("ALTER TABLE {at} RENAME TO {}", quoted(&to)),
                );
                self.tables.remove(place);
            }
            _ => {
                let Some(column) = self.dice.pick(&free).cloned() else {
                    return;
                };
                self.second_form(&at, &named, &column);
            }
        }
    }

    fn alter(&mut self, named: &str, column: &str, key: &str, direct: String) {
        let operation = format!(
            "alter_column = {{ table = {named}, column = {}, {key} }}",
            toml(column)
        );
        self.push(&operation, direct);
    }

    fn add_column(&mut self, table: &Table, at: &str, named: &str) {
        let (new, from) = (self.column(), self.dice.below(table.columns.len()));
        let from = table.columns[from].clone();
        let (name, sql_type) = (quoted(&new.name), new.sql_type);
        let null = if new.not_null {
            ", nullable = false"
        } else {
            ""
        };
        let set = if new.not_null {
            format!("; ALTER TABLE {at} ALTER COLUMN {name} SET NOT NULL")
        } else {
            String::new()
        };
        match self.dice.below(3) {
            0 => self.push(
                &format!("add_column = {{ table = {named}, column = {{ name = {}, type = \"{sql_type}\" }} }}", toml(&new.name)),
                format!("ALTER TABLE {at} ADD COLUMN {name} {sql_type}"),
            ),
            1 => self.push(
                &format!("add_column = {{ table = {named}, column = {{ name = {}, type = \"text\"{null} }}, up = {} }}", toml(&new.name), toml(&format!("coalesce({}::text, 'none')", quoted(&from.name)))),
                format!("ALTER TABLE {at} ADD COLUMN {name} text; UPDATE {at} SET {name} = coalesce({}::text, 'none'){set}", quoted(&from.name)),
            ),
            _ => self.push(
                &format!("add_column = {{ table = {named}, column = {{ name = {}, type = \"bigint\"{null}, default = \"42\" }} }}", toml(&new.name)),
                format!("ALTER TABLE {at} ADD COLUMN {name} bigint DEFAULT 42{set}"),
            ),
        }
    }

    fn second_form(&mut self, at: &str, named: &str, column: &Column) {
        let name = quoted(&column.name);
        let (sql_type, up, down) = match column.sql_type {
            "integer" => (
                "bigint",
                format!("{name}::bigint"),
                format!("{name}::integer"),
            ),
            "boolean" => ("text", format!("{name}::text"), format!("{name}::boolean")),
            "text" => ("text", format!("upper({name})"), format!("lower({name})")),
            "bigint" => (
                "numeric",
                format!("{name}::numeric"),
                format!("{name}::bigint"),
            ),
            _ => return,
        };
        self.push(
            &format!("alter_column = {{ table = {named}, column = {}, type = \"{sql_type}\", up = {}, down = {} }}", toml(&column.name), toml(&up), toml(&down)),
            format!("ALTER TABLE {at} ALTER COLUMN {name} TYPE {sql_type} USING {up}"),
        );
    }
}
