//! Every screen, as text and roles, and the pictures of the documents.
//!
//! `UPDATE_SHOTS=1 cargo test --features broken --test suite screens` draws
//! the pictures and the grids anew; otherwise a stale one fails.

use crate::scene::{Scene, Steps};
use crate::shown::{SCENARIOS, screens};
use pilothouse::cockpit::theme::{Depth, Library, Role};
use pilothouse::cockpit::{GlyphSet, Model, shot};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// A theme for every depth of colour, as people have them.
const DEPTHS: [(Depth, &str, &str); 3] = [
    (Depth::True, "dark", "true colour"),
    (Depth::Sixteen, "default", "16 colours"),
    (Depth::Plain, "no-colour", "no colour"),
];

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("screenshots")
        .join(name)
}

pub fn scene(name: &str) -> Scene {
    let path = folder("scenarios").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    Scene::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A theme in which every role looks different, so that grids name roles and
/// a change of colours changes no grid.
fn telling() -> Library {
    let mut library = Library::default();
    let roles = Role::ALL.iter().enumerate().map(|(place, role)| {
        let bg = if *role == Role::Selection {
            ", bg = \"#ffffff\""
        } else {
            ""
        };
        format!("{} = {{ fg = \"#{:06x}\"{bg} }}\n", role.name(), place + 1)
    });
    library.add("telling", format!("[roles]\n{}", roles.collect::<String>()));
    library
}

/// The text of a screen, and its runs of roles.
fn told(model: &mut Model, size: (u16, u16)) -> (String, String) {
    let buffer = shot::buffer(model, size.0, size.1);
    let all = shot::roles(&buffer, &model.theme);
    let lines = all.split_inclusive('\n');
    let text: String = lines.clone().take(usize::from(size.1)).collect();
    // An empty line stands between them.
    let roles = lines.skip(usize::from(size.1) + 1).collect();
    (text, roles)
}

/// A screen in both sets of characters and at every depth of colour. Text is
/// the same at every depth, and so are roles in both sets: that is looked at,
/// not taken for granted.
fn matrix(name: &str, model: &Model, size: (u16, u16)) -> String {
    let mut model = model.clone();
    model.theme = telling().load("telling", Depth::True).theme;
    let (text, roles) = told(&mut model, size);
    let mut out = format!("{text}\n-- roles\n{roles}");
    model.options.glyphs = GlyphSet::Ascii;
    let (ascii, same) = told(&mut model, size);
    assert_eq!(same, roles, "{name}: roles in ASCII");
    assert!(ascii.is_ascii(), "{name}:\n{ascii}");
    // A String takes every write.
    let _ = writeln!(out, "-- ascii\n{ascii}");
    for (depth, theme, title) in DEPTHS {
        model.options.glyphs = GlyphSet::Unicode;
        model.theme = Library::default().load(theme, depth).theme;
        let (same, looks) = told(&mut model, size);
        assert_eq!(same, text, "{name}: text with {title}");
        let _ = writeln!(out, "-- {title}, by the first role that looks so\n{looks}");
        model.options.glyphs = GlyphSet::Ascii;
        let (same, again) = told(&mut model, size);
        assert_eq!(
            (same, again),
            (ascii.clone(), looks),
            "{name}: ASCII, {title}"
        );
    }
    out
}

pub fn compare(path: &Path, fresh: &str) -> Option<String> {
    if std::env::var_os("UPDATE_SHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, fresh).unwrap();
        return None;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    (kept != fresh).then(|| format!("{} is stale:\n{fresh}", path.display()))
}

#[test]
fn every_screen_is_as_it_was() {
    let grids = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let mut stale = Vec::new();
    let mut known = Vec::new();
    for (name, model) in screens() {
        for (wide, high) in SIZES {
            let file = format!("{name}-{wide}x{high}.txt");
            stale.extend(compare(
                &grids.join(&file),
                &matrix(&name, &model, (wide, high)),
            ));
            known.push(file);
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    for file in std::fs::read_dir(grids).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(&name),
            "tests/screens/{name} shows nothing any more"
        );
    }
}

#[test]
fn every_screen_is_whole_in_every_theme() {
    let library = Library::default();
    for (name, mut model) in screens() {
        for theme in library.names() {
            for (depth, ..) in DEPTHS {
                model.theme = library.load(theme, depth).theme;
                let buffer = shot::buffer(&model, 120, 40);
                assert!(shot::svg(&buffer, &name).contains("</svg>"));
            }
        }
    }
}

/// The picture of a scenario, as the documents show it.
pub fn picture(scenario: &str) -> String {
    let mut model = scene(scenario).model();
    model.theme = Library::default().load("dark", Depth::True).theme;
    shot::svg(&shot::buffer(&model, 120, 40), scenario)
}

#[test]
fn the_pictures_are_what_the_program_draws() {
    let mut stale = Vec::new();
    let mut shoot = |file: &str, model: &Model, size: (u16, u16), theme: &str, title: &str| {
        let mut model = model.clone();
        model.theme = Library::default().load(theme, Depth::True).theme;
        let buffer = shot::buffer(&model, size.0, size.1);
        stale.extend(compare(&folder(file), &shot::svg(&buffer, title)));
    };
    let screens = screens();
    let named = |name: &str| &screens.iter().find(|(n, _)| n == name).unwrap().1;
    let (small, usual) = ((80, 24), (120, 40));
    for name in SCENARIOS {
        shoot(&format!("{name}.svg"), named(name), usual, "dark", name);
    }
    for name in [
        "shard",
        "plan-opened",
        "checks-opened",
        "journal-filtered",
        "palette",
        "merge-restore",
        "retire",
        "roll-back",
        "operations",
        "help",
        "handover",
        "runbook-failed",
    ] {
        shoot(&format!("{name}.svg"), named(name), usual, "dark", name);
    }
    shoot(
        "troubled-80x24.svg",
        named("troubled"),
        small,
        "dark",
        "troubled, 80×24",
    );
    for theme in Library::default().names() {
        let file = format!("theme-{theme}.svg");
        shoot(&file, named("troubled"), usual, theme, theme);
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}
