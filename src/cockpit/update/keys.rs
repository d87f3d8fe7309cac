//! Keys: the top layer gets them first.

use super::cursor::moved;
use super::{act, copy, leave, mouse, needs, palette, runbook, screens, server, theme, undo};
use crate::base::{ShardName, Timestamp};
use crate::cockpit::action::{ACTIONS, Action, Item};
use crate::cockpit::complete::complete;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Frozen, Layer, Level, Model, Pane, Screen};
use crate::cockpit::msg::Effect;
use ratatui::crossterm::event::KeyCode;

/// Most characters of a filter or a command.
const LINE_CHARS_MAX: usize = 120;

pub(super) fn key(model: &mut Model, key: Key, at: Timestamp) -> Vec<Effect> {
    // These work from everywhere: a question never locks anybody in.
    match model.options.keymap.action(key) {
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::QuitNow) if key == Key::Ctrl('c') => return vec![Effect::Quit],
        _ => {}
    }
    match model.layer.take() {
        None if runbook::takes(model, key) => runbook::key(model, key),
        None if model.shown.screen != Screen::Fleet => screens::key(model, key),
        None => on_fleet(model, key),
        Some(Layer::Dialog(dialog)) => act::dialog_key(model, dialog, key, at),
        Some(Layer::Help(from)) => {
            model.layer = help(model.options.keymap.action(key), from);
            Vec::new()
        }
        Some(Layer::Detail) => {
            let closes = matches!(
                model.options.keymap.action(key),
                Some(Action::Back | Action::Open | Action::Quit)
            );
            if closes {
                return Vec::new();
            }
            if model.options.keymap.action(key) == Some(Action::Runbook) {
                return runbook::open(model);
            }
            model.layer = Some(Layer::Detail);
            in_detail(model, key)
        }
        Some(Layer::Needs(cursor)) => needs::key(model, key, cursor),
        Some(Layer::Leave(asked)) => leave::key(model, key, asked, at),
        Some(Layer::Menu(cursor)) => menu(model, key, cursor),
        Some(Layer::Command(text)) => command(model, key, text),
        Some(Layer::Palette(text, cursor)) => palette::key(model, key, text, cursor),
        Some(Layer::Filter { before, focus }) => filter(model, key, before, focus),
    }
}

fn on_fleet(model: &mut Model, key: Key) -> Vec<Effect> {
    match model.options.keymap.action(key) {
        Some(action) => run(model, action),
        None => Vec::new(),
    }
}

/// Moving and acting go on under the detail.
fn in_detail(model: &mut Model, key: Key) -> Vec<Effect> {
    match model.options.keymap.action(key) {
        Some(action) if action.item().mutates() => run(model, action),
        Some(action @ (Action::Up | Action::Down | Action::NextPane)) => run(model, action),
        _ => Vec::new(),
    }
}

pub(super) fn run(model: &mut Model, action: Action) -> Vec<Effect> {
    if action.item().mutates() {
        let scopes = act::targets(model, action);
        return act::ask(model, action, scopes);
    }
    if let Some(screen) = screens::of(action) {
        return screens::show(model, screen);
    }
    match action {
        Action::NextPane => {
            model.pane = match model.pane {
                Pane::Rings => Pane::Shards,
                Pane::Shards => Pane::Rings,
            };
        }
        Action::Open if model.pane == Pane::Shards => {
            return screens::show(model, Screen::Shard);
        }
        Action::Open => model.layer = Some(Layer::Detail),
        Action::Back => back(model),
        Action::MarkShard => mark(model),
        Action::Filter => {
            model.layer = Some(Layer::Filter {
                before: model.filter.clone(),
                focus: model.shard.clone(),
            });
        }
        Action::CommandLine => model.layer = Some(Layer::Command(String::new())),
        Action::Palette => model.layer = Some(Layer::Palette(String::new(), 0)),
        Action::Undo => return undo::propose(model),
        Action::Sort => sort(model),
        Action::Menu => model.layer = Some(Layer::Menu(0)),
        Action::Needs => model.layer = Some(Layer::Needs(0)),
        Action::Runbook => return runbook::toggle(model),
        Action::RunbookDown => runbook::scroll(model, Action::PageDown),
        Action::RunbookUp => runbook::scroll(model, Action::PageUp),
        Action::Freeze => freeze(model),
        Action::Help => model.layer = Some(Layer::Help(0)),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Copy => return copy::focused(model),
        Action::Mouse => return mouse::switch(model),
        Action::Quit => return leave::ask(model),
        Action::QuitNow => return vec![Effect::Quit],
        other => step(model, other),
    }
    Vec::new()
}

/// Moves the focus, if the action does.
fn step(model: &mut Model, action: Action) {
    let here = match model.pane {
        Pane::Rings => model.ring_row(),
        Pane::Shards => model.shard_row().unwrap_or(0),
    };
    match (model.pane, moved(action, here)) {
        (_, None) => {}
        (Pane::Rings, Some(row)) => model.focus_ring_row(row),
        (Pane::Shards, Some(row)) => model.focus_shard_row(row),
    }
}

fn back(model: &mut Model) {
    if !model.marks.is_empty() {
        model.marks.clear();
    } else if !model.filter.is_empty() {
        model.filter.clear();
        model.refresh_rows();
    } else {
        model.status = None;
    }
}

fn mark(model: &mut Model) {
    let Some(name) = model.shard.clone().filter(|_| model.pane == Pane::Shards) else {
        return;
    };
    if !model.marks.remove(&name) {
        model.marks.insert(name);
    }
    step(model, Action::Down);
}

fn sort(model: &mut Model) {
    model.order = model.order.next();
    model.refresh_rows();
    let word = model.order.word();
    model.say(Level::Note, format!("Sorted: {word}"));
}

fn freeze(model: &mut Model) {
    model.frozen = match (model.frozen.take(), &model.live) {
        (None, Some(view)) => Some(Box::new(Frozen {
            view: view.clone(),
            at: model.now,
        })),
        _ => None,
    };
    server::moved_on(model);
}

fn help(action: Option<Action>, from: u16) -> Option<Layer> {
    let last = u16::try_from(ACTIONS.len()).unwrap_or(u16::MAX);
    match action {
        Some(Action::Down) => Some(Layer::Help(from.saturating_add(1).min(last))),
        Some(Action::PageDown) => Some(Layer::Help(from.saturating_add(10).min(last))),
        Some(Action::Up) => Some(Layer::Help(from.saturating_sub(1))),
        Some(Action::PageUp) => Some(Layer::Help(from.saturating_sub(10))),
        Some(Action::Back | Action::Help | Action::Quit | Action::Open) => None,
        _ => Some(Layer::Help(from)),
    }
}

/// Entries of the operations menu.
pub(in crate::cockpit) fn menu_items() -> impl Iterator<Item = &'static Item> {
    ACTIONS.iter().filter(|item| item.menu.is_some())
}

fn menu(model: &mut Model, key: Key, cursor: usize) -> Vec<Effect> {
    let last = menu_items().count().saturating_sub(1);
    // The menu's own letters first: `p` means pause only in here.
    let chosen = key
        .typed()
        .and_then(|letter| menu_items().find(|item| item.menu == Some(letter)));
    if let Some(item) = chosen {
        return run(model, item.action);
    }
    model.layer = match model.options.keymap.action(key) {
        Some(Action::Down) => Some(Layer::Menu((cursor + 1).min(last))),
        Some(Action::Up) => Some(Layer::Menu(cursor.saturating_sub(1))),
        Some(Action::Open) => {
            return menu_items()
                .nth(cursor)
                .map_or_else(Vec::new, |item| run(model, item.action));
        }
        Some(Action::Back | Action::Menu | Action::Quit) => None,
        _ => Some(Layer::Menu(cursor)),
    };
    Vec::new()
}

fn command(model: &mut Model, key: Key, mut text: String) -> Vec<Effect> {
    match key {
        Key::Plain(KeyCode::Esc) => {
            theme::preview(model, "");
            return Vec::new();
        }
        Key::Plain(KeyCode::Enter) => return typed(model, text.trim()),
        Key::Plain(KeyCode::Backspace) => drop(text.pop()),
        Key::Plain(KeyCode::Tab) => text = complete(model, &text),
        key => text.extend(key.typed().filter(|_| text.len() < LINE_CHARS_MAX)),
    }
    theme::preview(model, &text);
    model.layer = Some(Layer::Command(text));
    Vec::new()
}

pub(super) fn typed(model: &mut Model, text: &str) -> Vec<Effect> {
    let text = text.replacen("rollback", "roll back", 1);
    // The longest name that the text begins with: "throttle up eu-05".
    let item = ACTIONS
        .iter()
        .filter(|item| {
            let rest = text.strip_prefix(item.name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
        .max_by_key(|item| item.name.len());
    let Some(item) = item else {
        if !text.is_empty() {
            model.say(
                Level::Bad,
                format!("There is no command {text}; ? lists them"),
            );
        }
        return Vec::new();
    };
    let rest = text[item.name.len()..].trim();
    if item.action == Action::Theme {
        theme::choose(model, rest);
        return Vec::new();
    }
    if item.action == Action::ShowShard && !rest.is_empty() {
        return named_shard(model, rest);
    }
    // Whoever types it out has decided.
    if item.action == Action::Quit {
        return vec![Effect::Quit];
    }
    if !item.mutates() {
        return run(model, item.action);
    }
    let scopes = act::typed_scope(model, item.action, rest);
    act::ask(model, item.action, scopes)
}

/// `:shard eu-05` goes straight there.
fn named_shard(model: &mut Model, name: &str) -> Vec<Effect> {
    let found = ShardName::new(name)
        .ok()
        .filter(|name| model.shard_named(name).is_some());
    let Some(found) = found else {
        model.say(Level::Bad, format!("There is no shard {name}"));
        return Vec::new();
    };
    model.pane = Pane::Shards;
    model.shard = Some(found);
    screens::show(model, Screen::Shard)
}

fn filter(model: &mut Model, key: Key, before: String, focus: Option<ShardName>) -> Vec<Effect> {
    let in_journal = model.shown.screen == Screen::Journal;
    let text = if in_journal {
        &mut model.shown.filter
    } else {
        &mut model.filter
    };
    let mut typed_on = true;
    match key {
        Key::Plain(KeyCode::Enter) => typed_on = false,
        Key::Plain(KeyCode::Esc) => {
            text.clone_from(&before);
            typed_on = false;
        }
        Key::Plain(KeyCode::Backspace) => drop(text.pop()),
        key => {
            let room = text.len() < LINE_CHARS_MAX;
            text.extend(key.typed().filter(|_| room));
        }
    }
    if !in_journal {
        model.refresh_rows();
        model.focus_again(focus.as_ref());
    }
    model.layer = typed_on.then_some(Layer::Filter { before, focus });
    Vec::new()
}
