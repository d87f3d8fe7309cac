//! Every action of the list, by hand, on the smallest screen that is promised.

use crate::terminal::{ESC, Pty, demanded, row_from_bottom};
use pilothouse::cockpit::action::{ACTIONS, Action, Item, Tier};

const SMALL: (u16, u16) = (80, 24);

/// The status line is the second from below.
fn status(screen: &vt100::Screen) -> String {
    row_from_bottom(screen, 1).trim().to_owned()
}

/// Back to the fleet screen with nothing said, typed or marked.
fn settle(pty: &mut Pty) {
    // What is typed shows that the keys before were taken, and that nothing
    // lies over the screen.
    let typed = |screen: &vt100::Screen| status(screen).starts_with(":here");
    pty.press_until(
        &format!("{ESC}{ESC}{ESC}{ESC}:here"),
        "a command line",
        typed,
    );
    let quiet = |screen: &vt100::Screen| status(screen).is_empty();
    pty.press_until(ESC, "an empty status line", quiet);
}

fn sentence_case(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

/// Whether the item's question is on the screen.
fn asks(screen: &vt100::Screen, item: &Item) -> bool {
    let text = screen.contents();
    let asked = match item.tier {
        Tier::Line => status(screen).contains("? y/N"),
        _ => text.contains("Reason") && text.contains("Cancel"),
    };
    asked && text.contains(&format!("{} ", sentence_case(item.name)))
}

/// Whether the screen says why it cannot be done.
fn refuses(screen: &vt100::Screen, item: &Item) -> bool {
    let said = status(screen);
    let reason = said.split_once(&format!("Cannot {}: ", item.name));
    reason.is_some_and(|(_, reason)| reason.len() > 5)
}

/// A mutating action shows its question, which is answered with No, or says
/// why it cannot be done now.
fn asked_or_refused(pty: &mut Pty, item: &Item, keys: &str) -> Answer {
    settle(pty);
    pty.press(keys);
    let what = format!("{keys:?}: the question of {}, or a reason", item.name);
    let answer = pty.wait_found(&what, |screen| {
        let asked = asks(screen, item).then_some(Answer::Question);
        asked.or_else(|| refuses(screen, item).then_some(Answer::Reason))
    });
    if answer == Answer::Reason {
        return answer;
    }
    let no = if item.tier == Tier::Typed { ESC } else { "n" };
    let cancelled = format!("{}: cancelled, nothing was sent", item.name);
    pty.press_until(no, &cancelled, |screen| status(screen).contains(&cancelled));
    Answer::Question
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Question,
    Reason,
}

#[test]
fn every_action_can_be_reached_at_80_by_24() {
    let mut pty = Pty::long_demo(SMALL);
    let mut asked = 0;
    for item in ACTIONS.iter().filter(|item| item.mutates()) {
        let letter = item.menu.unwrap();
        let by_menu = asked_or_refused(&mut pty, item, &format!("x{letter}"));
        let by_name = asked_or_refused(&mut pty, item, &format!(":{}\r", item.name));
        assert_eq!(by_menu, by_name, "{}", item.name);
        asked += usize::from(by_menu == Answer::Question);
    }
    // Hold, pause, roll back, abort and both throttles at the least.
    assert!(asked >= 5, "only {asked} questions were asked");
    for item in ACTIONS.iter().filter(|item| !item.mutates()) {
        looks(&mut pty, item.action);
    }
    settle(&mut pty);
    pty.press("Q");
    assert_eq!(pty.left().code, 0);
}

/// The time on the first line.
fn clock(text: &str) -> Option<String> {
    let first = text.lines().next()?;
    let (before, _) = first.split_once(" UTC")?;
    Some(before.rsplit(' ').next()?.to_owned())
}

/// An action that changes the view only, by its first key or its name.
fn looks(pty: &mut Pty, action: Action) {
    let item = action.item();
    // These have tests of their own.
    if matches!(action, Action::Quit | Action::QuitNow | Action::Suspend) {
        return;
    }
    settle(pty);
    let name = format!(":{}\r", item.name);
    let (keys, shows): (&str, &str) = match action {
        // From the first row, and from the last.
        Action::Down => ("gj", "▌ ≡ s02"),
        Action::Up => ("gjjk", "▌ ≡ s02"),
        Action::First => ("G:first\r", "▌ ► s01"),
        Action::Last => ("gG", "▌ ≡ s12"),
        Action::PageDown => ("g:page down\r", "▌ ≡ s11"),
        Action::PageUp => ("G:page up\r", "▌ ≡ s02"),
        // There, and back.
        Action::NextPane => ("\t\t", "s01"),
        Action::Open => ("\r", "Clears when"),
        Action::Back => ("/early\r:back\r", "s01"),
        Action::MarkShard => (" ", "1 marked"),
        Action::Filter => ("/early", "/early"),
        Action::CommandLine => (":pause", ":pause"),
        Action::Palette => (&name, "┌ Commands"),
        Action::Undo => (&name, "Nothing to undo"),
        Action::Sort => ("s", "what needs you first"),
        Action::Menu => ("x", "Operations"),
        Action::Needs => ("n", "Nothing needs you."),
        Action::Freeze => ("z", "FROZEN"),
        Action::Copy => ("y", "Copied shard "),
        Action::Mouse => (&name, "Mouse: on"),
        Action::Theme => (":theme\r", "Themes: "),
        Action::Help => ("?", "Help"),
        Action::ShowFleet => ("2:fleet\r", "Needs you"),
        Action::ShowShard => (&name, "[2 Shard s"),
        Action::ShowPlan => (&name, "[3 Plan]"),
        Action::ShowChecks => (&name, "[4 Checks]"),
        Action::ShowFlags => (&name, "[5 Flags]"),
        Action::Runbook => ("r", "┌ Runbook"),
        Action::RunbookDown => ("r]", "┌ Runbook"),
        Action::RunbookUp => ("r][", "┌ Runbook"),
        Action::ShowHandover => (&name, "7 Handover]"),
        Action::ShowJournal => (&name, "[6 Journal]"),
        other => panic!("{other:?} shows nothing that is looked for"),
    };
    pty.press(keys);
    pty.wait_text(shows);
    // It is still there when the engine has told more; help hides the clock.
    if let Some(then) = clock(&pty.text()) {
        pty.wait_for("the same a moment later", |screen| {
            let text = screen.contents();
            clock(&text).as_ref() != Some(&then) && text.contains(shows)
        });
    }
    if action == Action::Freeze {
        pty.press("z");
        pty.wait_text("LIVE");
    }
    if action == Action::Sort {
        // Round to the file's order, which says nothing on the screen.
        pty.press("ssss");
        pty.wait_text("file order");
    }
    // Whatever it was, one is never stuck in it.
    settle(pty);
}

/// Asks, confirms, and waits for the engine's answer.
fn act(pty: &mut Pty, keys: &str, question: &str, done: &str) {
    settle(pty);
    // The answer to the act before may have come sooner than the view that
    // shows what it did.
    let keys = format!("{ESC}{ESC}{keys}");
    pty.press_until(&keys, question, |screen| status(screen).contains(question));
    pty.press_until("y", done, |screen| screen.contents().contains(done));
}

#[test]
fn what_is_asked_and_confirmed_is_done() {
    let mut pty = Pty::long_demo(SMALL);
    for (keys, question, done) in [
        ("xp", "Pause shard s01? y/N", "pause shard s01: accepted"),
        (
            // The inverse of the act before it.
            "u",
            "Resume shard s01? y/N",
            "resume shard s01: accepted",
        ),
        ("H", "Hold ring canary? y/N", "hold ring canary: accepted"),
        (
            "xl",
            "Release ring canary? y/N",
            "release ring canary: accepted",
        ),
        (
            ":throttle down fleet\r",
            "Throttle down the fleet to ",
            "throttle fleet: accepted",
        ),
        (
            ":throttle up fleet\r",
            "Throttle up the fleet to ",
            "throttle fleet: accepted",
        ),
        (
            ":pause fleet\r",
            "Pause the fleet? y/N",
            "pause fleet: accepted",
        ),
        (
            ":resume fleet\r",
            "Resume the fleet? y/N",
            "resume fleet: accepted",
        ),
    ] {
        act(&mut pty, keys, question, done);
    }
    settle(&mut pty);
    pty.press("Q");
    assert_eq!(pty.left().code, 0);
}

#[test]
fn what_goes_back_is_asked_confirmed_and_done() {
    let mut pty = Pty::long_demo(SMALL);
    settle(&mut pty);
    pty.press(":roll back fleet\r");
    pty.wait_text("Roll back the fleet?");
    let done = "roll back fleet: accepted";
    pty.press_until("B", done, |screen| status(screen).contains(done));
    settle(&mut pty);
    pty.press("u");
    pty.wait_text("a roll back cannot be taken back");
    settle(&mut pty);
    abort(&mut pty);
    pty.press("Q");
    let left = pty.left();
    assert_eq!((left.code, left.behind), (0, Vec::new()), "{}", left.text);
}

/// Types an `x` where a name is demanded, and says which name that is.
fn type_an_x(pty: &mut Pty) -> String {
    let name = pty.demanded();
    let field = format!("{name}  x_");
    pty.press_until("\u{7f}x", "the field", |screen| {
        screen.contents().contains(&field)
    });
    name
}

/// Ends the rollout, which demands its name. While shards still go back, what
/// the question shows may change, and it is asked again.
fn abort(pty: &mut Pty) {
    while !asked_to_abort(pty) {
        settle(pty);
    }
    pty.wait_text("↺ aborted");
    settle(pty);
}

fn has_changed(screen: &vt100::Screen) -> bool {
    screen.contents().contains("has changed since this opened")
}

/// Whether the abort was taken; otherwise something changed meanwhile.
fn asked_to_abort(pty: &mut Pty) -> bool {
    pty.press(":abort\r");
    pty.wait_text("Abort the fleet?");
    let name = pty.wait_found("a demanded name, or a change", |screen| {
        let changed = has_changed(screen).then_some(None);
        changed.or_else(|| demanded(screen).map(Some))
    });
    let Some(name) = name else {
        return false;
    };
    let field = format!("{name}  x_");
    pty.press_until("\u{7f}x", "the field", |screen| {
        screen.contents().contains(&field)
    });
    pty.press(&format!("\u{7f}{name}"));
    pty.press("\t\t\t\r");
    pty.wait_found("an answer, or a change", |screen| {
        let accepted = screen.contents().contains("abort fleet: accepted");
        (accepted || has_changed(screen)).then_some(accepted)
    })
}

fn has_failed(screen: &vt100::Screen) -> bool {
    screen.contents().contains("failed; retry or roll back")
}

/// Whether a shard fails before contract waits for a person.
fn trouble_first(pty: &Pty) -> bool {
    pty.wait_found("contract, or trouble", |screen| {
        let contract = screen.contents().contains("promote to retire");
        let failed = has_failed(screen);
        (contract || failed).then_some(failed)
    })
}

#[test]
fn contract_is_promoted_with_the_typed_name_only() {
    let args = ["demo", "--rows", "80", "--rate", "400000"];
    let mut pty = Pty::start(SMALL, &args);
    // The demo's little trouble may come in between, or not.
    while trouble_first(&pty) {
        settle(&mut pty);
        pty.press(":retry fleet\r");
        pty.wait_text("Retry the fleet?");
        let done = "retry fleet: accepted";
        pty.press_until("R", done, |screen| screen.contents().contains(done));
        pty.wait_for("a retry that helps", |screen| !has_failed(screen));
    }
    settle(&mut pty);
    pty.press("P");
    pty.wait_text("Promote canary to retire?");
    // The wrong name does nothing.
    let name = type_an_x(&mut pty);
    pty.press("\t\t\t\r");
    pty.wait_text("Cannot be confirmed: type ");
    pty.press(&format!("\t\u{7f}{name}"));
    pty.press("\tevery client is there");
    pty.wait_text("every client is there");
    pty.press("\t\t\r");
    pty.wait_text("promote ring canary: accepted");
    settle(&mut pty);
    pty.press("Q");
    let left = pty.left();
    assert_eq!((left.code, left.behind), (0, Vec::new()), "{}", left.text);
}
