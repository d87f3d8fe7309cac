//! What a cockpit takes from its surroundings: colours, characters, and the
//! person's own theme and key files. Read once, at the start.

use super::glyphs::GlyphSet;
use super::keymap::Keymap;
use super::model::{Leaving, Options};
use super::theme::{Depth, Library};
use crate::base::Actor;
use std::io::ErrorKind;
use std::path::PathBuf;

impl Options {
    /// Options for this process: `NO_COLOR`, and ASCII where the locale is
    /// not UTF-8 or `PILOTHOUSE_ASCII` is set.
    pub fn from_environment(actor: Actor, session: String) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        let glyphs = if set("PILOTHOUSE_ASCII") || !utf8 {
            GlyphSet::Ascii
        } else {
            GlyphSet::Unicode
        };
        let depth = match std::env::var("COLORTERM").as_deref() {
            _ if set("NO_COLOR") => Depth::Plain,
            Ok("truecolor" | "24bit") => Depth::True,
            _ => Depth::Sixteen,
        };
        let theme = std::env::var("PILOTHOUSE_THEME").unwrap_or_else(|_| match depth {
            Depth::Plain => "no-colour".into(),
            _ => "default".into(),
        });
        let keymap = own_folder().map(|folder| folder.join("keymap.toml"));
        let (keymap, warnings) = match keymap.map(std::fs::read_to_string) {
            Some(Ok(text)) => Keymap::patched(&text),
            // No file: the defaults.
            Some(Err(why)) if why.kind() != ErrorKind::NotFound => {
                let warning = format!("keymap.toml cannot be read: {why}");
                (Keymap::default(), vec![warning])
            }
            Some(Err(_)) | None => (Keymap::default(), Vec::new()),
        };
        Self {
            actor,
            session,
            glyphs,
            depth,
            themes: own_themes(),
            theme,
            keymap,
            warnings,
            leaving: Leaving::StopsTheEngine("the same command goes on from here"),
            welcome: Vec::new(),
        }
    }
}

/// The built-in themes, and those in the person's own folder.
fn own_themes() -> Library {
    let mut library = Library::default();
    let folder = own_folder().map(|folder| folder.join("themes"));
    // No folder, or a file that cannot be read: the built-in ones remain.
    let files = folder.and_then(|f| std::fs::read_dir(f).ok());
    for file in files.into_iter().flatten().flatten() {
        let path = file.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), true) = (name, path.extension().is_some_and(|e| e == "toml"))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            library.add(name, text);
        }
    }
    library
}

/// Where a person's own files are, by the XDG base directory specification.
fn own_folder() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    Some(config.or_else(home)?.join("pilothouse"))
}
