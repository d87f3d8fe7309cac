//! The key table of the documents is written from the one action list.

use crate::screens::compare;
use pilothouse::cockpit::action::{ACTIONS, Action, Tier};
use std::path::Path;

fn page() -> String {
    let mut out = String::from(
        "# Keys\n\n\
         Written from the program's list of actions; a test keeps it so. Every action can also be typed after `:`, found with\n\
         Ctrl-P, and bound to other keys in `keymap.toml` (see the [README](../README.md)). What changes something is in\n\
         the menu `x`, and asks first.\n\n\
         | Key | In the menu | Typed | Asks | What it does |\n|---|---|---|---|---|\n",
    );
    for item in ACTIONS {
        let keys: Vec<String> = item.keys.iter().map(|key| format!("`{key}`")).collect();
        let menu = item
            .menu
            .map_or(String::new(), |letter| format!("`x` `{letter}`"));
        let asks = match item.tier {
            Tier::Look => "",
            Tier::Line => "y or N",
            Tier::Dialog => "with what it would hit",
            Tier::Typed => "for a typed name",
        };
        out.push_str(&format!(
            "| {} | {menu} | `{}` | {asks} | {} |\n",
            keys.join(" "),
            item.name,
            item.doc.replace('|', "\\|")
        ));
    }
    out
}

/// What the README shows of it: the keys of the first night.
fn short() -> String {
    use Action::{
        CommandLine, Filter, Help, Hold, Menu, Needs, NextPane, Open, Palette, Promote, Quit,
        Retry, RollBack, ShowFleet, ShowJournal, Undo,
    };
    let shown = [
        Help,
        Menu,
        Needs,
        Open,
        NextPane,
        ShowFleet,
        ShowJournal,
        Filter,
        CommandLine,
        Palette,
        Promote,
        Hold,
        Retry,
        RollBack,
        Undo,
        Quit,
    ];
    let mut out = String::from("| Key | What it does |\n|---|---|\n");
    for item in shown.map(Action::item) {
        let key = item.keys[0];
        out.push_str(&format!("| `{key}` | {} |\n", item.doc.replace('|', "\\|")));
    }
    out
}

const BEGIN: &str = "<!-- keys: written by a test -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_readmes_keys_are_what_the_program_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let kept = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = kept.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = format!("{before}{BEGIN}{}{END}{after}", short());
    assert_eq!(compare(&path, &fresh), None);
}

#[test]
fn the_key_table_is_what_the_program_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    assert_eq!(compare(&path, &page()), None);
}
