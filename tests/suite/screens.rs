//! Every screen, as text and roles, and the pictures of the documents.
//!
//! `UPDATE_SHOTS=1 cargo test --features broken --test suite screens` draws
//! the pictures and the grids anew; otherwise a stale one fails.

use crate::hands::{key_later, keys, on_ring};
use crate::scene::{Scene, Step, Steps, press};
use crate::sights::watched;
use pilothouse::cockpit::theme::{Depth, Library, Role};
use pilothouse::cockpit::{GlyphSet, Model, shot};
use ratatui::crossterm::event::KeyCode;
use std::path::{Path, PathBuf};

const SCENARIOS: [&str; 5] = [
    "healthy",
    "troubled",
    "contract",
    "rolling-back",
    "finished",
];
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

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

fn told(model: &Model, size: (u16, u16)) -> String {
    let mut model = model.clone();
    model.theme = telling().load("telling", Depth::True).theme;
    let buffer = shot::buffer(&model, size.0, size.1);
    shot::roles(&buffer, &model.theme)
}

/// Every screen and question there is: name, and the model that shows it.
fn screens() -> Vec<(String, Model)> {
    let mut all: Vec<(String, Model)> = SCENARIOS
        .iter()
        .map(|name| ((*name).to_owned(), scene(name).model()))
        .collect();
    let mut add = |name: &str, scenario: &str, act: &dyn Fn(&mut Model)| {
        let mut model = scene(scenario).model();
        act(&mut model);
        all.push((name.to_owned(), model));
    };
    add("help", "healthy", &|m| drop(keys(m, "?")));
    add("operations", "troubled", &|m| drop(keys(m, "x")));
    for (name, typed) in [
        ("shard", "2"),
        ("plan", "3"),
        ("checks", "4"),
        ("flags", "5"),
        ("journal", "6"),
        ("shard-scrolled", "2jjjjjjjj"),
        ("plan-opened", "3jj\n"),
        ("checks-opened", "4\n"),
        ("flags-opened", "5\n"),
        ("journal-filtered", "6/ana\n\n"),
    ] {
        add(name, "troubled", &|m| {
            *m = watched(&scene("troubled"));
            for letter in typed.chars() {
                match letter {
                    '\n' => drop(key_later(m, press(KeyCode::Enter))),
                    letter => drop(keys(m, &letter.to_string())),
                }
            }
        });
    }
    add("ring", "troubled", &|m| {
        on_ring(m, "canary");
        key_later(m, press(KeyCode::Enter));
    });
    add("retire", "contract", &|m| {
        on_ring(m, "canary");
        keys(m, "P");
    });
    add("roll-back", "troubled", &|m| {
        on_ring(m, "early");
        keys(m, "B");
    });
    let mut restored = scene("finished");
    for (place, shard) in restored.view().shards.into_iter().enumerate() {
        restored.step(Step::CountRestore {
            shard: shard.name,
            exported: 1_183_402,
            down: [12, 1_204][place % 2] * u64::from(place < 2),
        });
    }
    let mut model = restored.model();
    model.pane = pilothouse::cockpit::Pane::Rings;
    keys(&mut model, "B");
    add("merge-restore", "finished", &|m| *m = model.clone());
    add("abort", "troubled", &|m| drop(keys(m, "xA")));
    add("pause", "healthy", &|m| drop(keys(m, "xp")));
    add("filter", "healthy", &|m| drop(keys(m, "/ring:early")));
    add("command", "healthy", &|m| drop(keys(m, ":pause ea")));
    add("palette", "troubled", &|m| {
        m.layer = Some(pilothouse::cockpit::Layer::Palette("re".into(), 1));
    });
    all
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
    for (name, model) in screens() {
        for (wide, high) in SIZES {
            let path = grids.join(format!("{name}-{wide}x{high}.txt"));
            stale.extend(compare(&path, &told(&model, (wide, high))));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn every_screen_is_whole_in_ascii_and_in_every_theme() {
    let library = Library::default();
    for (name, mut model) in screens() {
        model.options.glyphs = GlyphSet::Ascii;
        for (wide, high) in SIZES {
            let buffer = shot::buffer(&model, wide, high);
            let foreign = buffer.content.iter().find(|c| !c.symbol().is_ascii());
            assert_eq!(foreign.map(|c| c.symbol()), None, "{name} {wide}x{high}");
        }
        model.options.glyphs = GlyphSet::Unicode;
        for theme in library.names() {
            for depth in [Depth::Plain, Depth::Sixteen, Depth::True] {
                model.theme = library.load(theme, depth).theme;
                let buffer = shot::buffer(&model, 120, 40);
                assert!(shot::svg(&buffer, &name).contains("</svg>"));
            }
        }
    }
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
