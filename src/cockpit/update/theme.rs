//! `:theme NAME`: seen while it is typed, kept by Enter, undone by Esc.

use crate::cockpit::model::{Level, Model};

/// Shows the theme that a command line names, or else the chosen one.
pub(super) fn preview(model: &mut Model, line: &str) {
    let named = line.strip_prefix("theme ").map(str::trim);
    let known = named.filter(|name| model.options.themes.names().any(|n| n == *name));
    match known {
        Some(name) => model.preview(name),
        None => {
            let chosen = model.options.theme.clone();
            model.preview(&chosen);
        }
    }
}

/// Chooses a theme; nothing named lists them.
pub(super) fn choose(model: &mut Model, name: &str) {
    let names: Vec<&str> = model.options.themes.names().collect();
    if !names.contains(&name) {
        let text = format!(
            "Themes: {}; this is {}",
            names.join(", "),
            model.options.theme
        );
        return model.say(Level::Note, text);
    }
    let loaded = model.options.themes.load(name, model.options.depth);
    model.options.theme = name.to_owned();
    model.theme = loaded.theme;
    match loaded.warnings.first() {
        Some(warning) => model.say(Level::Note, warning.clone()),
        None => model.say(Level::Good, format!("Theme {name}")),
    }
}
