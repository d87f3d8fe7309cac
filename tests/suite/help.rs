//! Help that shows how: every command that can be seen has an example.

use clap::CommandFactory as _;
use pilothouse::cli::args::Cli;

fn without_example(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    for child in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        let path = format!("{path} {}", child.get_name());
        let after = child.get_after_help().map(ToString::to_string);
        // An example of this very command, not of a neighbour.
        if !after.is_some_and(|text| text.contains("Example") && text.contains(&path)) {
            found.push(path.clone());
        }
        without_example(child, &path, found);
    }
}

#[test]
fn every_visible_command_has_an_example() {
    let cli = Cli::command();
    let mut found = Vec::new();
    without_example(&cli, "pilothouse", &mut found);
    assert!(found.is_empty(), "no example in --help of: {found:?}");
    assert!(cli.get_after_help().is_some_and(|text| {
        let text = text.to_string();
        text.contains("Example") && text.contains("Exit codes")
    }));
}

#[test]
fn a_missing_example_is_noticed() {
    let child = |name: &'static str| clap::Command::new(name);
    let tree = clap::Command::new("pilothouse")
        .subcommand(child("good").after_help("Example:\n  pilothouse good --now"))
        .subcommand(child("bare"))
        .subcommand(child("borrowed").after_help("Example:\n  pilothouse good"))
        .subcommand(child("hidden").hide(true));
    let mut found = Vec::new();
    without_example(&tree, "pilothouse", &mut found);
    assert_eq!(found, ["pilothouse bare", "pilothouse borrowed"]);
}

#[test]
fn every_visible_argument_says_what_it_is() {
    fn walk(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            if argument.get_help().is_none() {
                found.push(format!("{path} {}", argument.get_id()));
            }
        }
        for child in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            walk(child, &format!("{path} {}", child.get_name()), found);
        }
    }
    let mut found = Vec::new();
    walk(&Cli::command(), "pilothouse", &mut found);
    assert!(found.is_empty(), "no help for: {found:?}");
}
