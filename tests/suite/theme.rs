//! Themes: every file is whole, every text can be read, no mistake in a file
//! keeps the screen from coming up.

use crate::hands::{key_later, keys};
use crate::scene::{Steps, press, troubled};
use pilothouse::cockpit::theme::{Depth, Library, Look, Role};
use ratatui::crossterm::event::KeyCode;
use ratatui::style::{Color, Modifier};
use std::collections::BTreeMap;

/// WCAG 2.2, relative luminance of an sRGB colour.
fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// WCAG 2.2, contrast ratio.
fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// xterm's values of the 16 colours: what most terminals begin with.
fn rgb(colour: Color) -> (u8, u8, u8) {
    match colour {
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Black => (0, 0, 0),
        Color::Red => (205, 0, 0),
        Color::Green => (0, 205, 0),
        Color::Yellow => (205, 205, 0),
        Color::Blue => (0, 0, 238),
        Color::Magenta => (205, 0, 205),
        Color::Cyan => (0, 205, 205),
        Color::Gray => (229, 229, 229),
        Color::DarkGray => (127, 127, 127),
        Color::LightRed => (255, 0, 0),
        Color::LightGreen => (0, 255, 0),
        Color::LightYellow => (255, 255, 0),
        Color::LightBlue => (92, 92, 255),
        Color::LightMagenta => (255, 0, 255),
        Color::LightCyan => (0, 255, 255),
        Color::White => (255, 255, 255),
        other => panic!("{other:?} has no known value"),
    }
}

/// Letters and ground of a role, as they are drawn over the text's ground.
fn seen(look: Look, text: Look, terminal: (Color, Color)) -> ((u8, u8, u8), (u8, u8, u8)) {
    let fg = look.fg.or(text.fg).unwrap_or(terminal.0);
    let bg = look.bg.or(text.bg).unwrap_or(terminal.1);
    (rgb(fg), rgb(bg))
}

#[test]
fn every_theme_is_whole_and_has_no_warning() {
    let library = Library::default();
    let names: Vec<&str> = library.names().collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let loaded = library.load(name, Depth::True);
        assert_eq!(loaded.warnings, Vec::<String>::new());
        assert_eq!(loaded.theme.name, name);
    }
    for (place, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(role as usize, place);
        assert_eq!(Role::named(role.name()), Some(role));
    }
}

#[test]
fn every_text_of_every_theme_can_be_read() {
    let library = Library::default();
    for name in library.names() {
        let terminal = match name {
            "sixteen-light" => (Color::Black, Color::White),
            _ => (Color::White, Color::Black),
        };
        let theme = library.load(name, Depth::True).theme;
        let text = theme.look(Role::Text);
        for role in Role::ALL {
            let (fg, bg) = seen(theme.look(role), text, terminal);
            let ratio = contrast(fg, bg);
            let least = match role {
                // Lines carry no words: WCAG asks 3 of them.
                Role::Border | Role::BorderFocus => 3.0,
                _ => 4.5,
            };
            assert!(ratio >= least, "{name}: {} {ratio:.2}", role.name());
        }
    }
}

#[test]
fn a_terminal_is_never_sent_more_than_it_shows() {
    let library = Library::default();
    for name in library.names() {
        for role in Role::ALL {
            let sixteen = library.load(name, Depth::Sixteen).theme.look(role);
            for colour in [sixteen.fg, sixteen.bg].into_iter().flatten() {
                assert!(
                    !matches!(colour, Color::Rgb(..) | Color::Indexed(_)),
                    "{name}"
                );
            }
            let plain = library.load(name, Depth::Plain).theme.look(role);
            assert_eq!((plain.fg, plain.bg), (None, None), "{name}");
        }
    }
}

/// What needs a person must not hide among what does not, in one colour too.
#[test]
fn without_colour_what_needs_a_person_still_stands_out() {
    let theme = Library::default().load("no-colour", Depth::Plain).theme;
    let loud = |role| theme.look(role).modifier.contains(Modifier::REVERSED);
    for role in [Role::Waiting, Role::Fail, Role::Danger, Role::Prod] {
        assert!(loud(role), "{}", role.name());
    }
    for role in [Role::Ok, Role::Running, Role::NotYet, Role::Held] {
        assert!(!loud(role), "{}", role.name());
    }
}

#[test]
fn a_mistake_in_a_theme_is_a_warning_and_the_rest_counts() {
    let mistakes = BTreeMap::from([
        ("[roles]\nfial = { fg = \"red\" }", "roles.fial is no role"),
        ("[roles]\nok = { fg = \"reddish\" }", "roles.ok.fg"),
        (
            "[roles]\nok = { fog = \"red\" }",
            "roles.ok.fog is not known",
        ),
        (
            "[roles]\nok = { bold = 1 }",
            "roles.ok.bold must be true or false",
        ),
        ("[roles]\nok = \"red\"", "roles.ok must be a table"),
        ("[palette]\nsky = \"#12\"", "palette.sky"),
        ("[colours]\nsky = \"red\"", "colours is not known"),
        ("roles = 1", "roles must be a table"),
        ("inherits = \"nobody\"", "nobody"),
        ("inherits = \"mine\"", "inherits itself"),
        ("[roles", "theme mine: "),
    ]);
    for (text, warning) in mistakes {
        let mut library = Library::default();
        library.add("mine", format!("{text}\n"));
        let loaded = library.load("mine", Depth::True);
        let said = loaded.warnings.join("\n");
        assert!(said.contains(warning), "{text}: {said}");
    }
    let mut library = Library::default();
    library.add(
        "mine",
        "inherits = \"dark\"\n[roles]\nfial = {}\nok = { fg = \"#010203\" }\n",
    );
    let loaded = library.load("mine", Depth::True);
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.theme.look(Role::Ok).fg, Some(Color::Rgb(1, 2, 3)));
    let dark = library.load("dark", Depth::True).theme;
    assert_eq!(loaded.theme.look(Role::Fail), dark.look(Role::Fail));
    assert!(!library.load("nowhere", Depth::True).warnings.is_empty());
}

#[test]
fn a_theme_is_seen_while_it_is_typed_and_esc_brings_the_old_one_back() {
    let mut model = troubled().model();
    let before = model.theme.clone();
    keys(&mut model, ":theme light");
    assert_eq!(model.theme.name, "light");
    key_later(&mut model, press(KeyCode::Esc));
    assert_eq!(model.theme, before);
    keys(&mut model, ":theme dark");
    key_later(&mut model, press(KeyCode::Enter));
    keys(&mut model, ":theme light");
    key_later(&mut model, press(KeyCode::Esc));
    assert_eq!(model.theme.name, "dark");
    keys(&mut model, ":theme");
    key_later(&mut model, press(KeyCode::Enter));
    let said = model.status.clone().unwrap().text;
    assert!(
        said.contains("tritanopia") && said.contains("this is dark"),
        "{said}"
    );
}
