//! The pages of docs/ that show commands are compared with the binary.

use crate::{BINARY, Place};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const COMMAND_LINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/command-line.md");

/// Follows a lesson in an empty folder and compares what it shows with the page.
///
/// The blocks marked `sh` are run in order, except the first, which builds the binary. Each line of
/// a block marked `text` must be printed; where a line has `…`, only what is before it is compared.
fn follow(lesson: &str) {
    let blocks = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        let blocks = lesson.split(&fence).skip(1);
        blocks.map(|block| block.split("```").next().expect("a block").to_owned()).collect()
    };
    let steps = blocks("sh");
    let (build, steps) = steps.split_first().expect("a first block");
    assert!(build.starts_with("cargo build --release -p strongroom-cli\n"), "{build}");

    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nexport PATH='{}':$PATH\n{}",
        Path::new(BINARY).parent().expect("a folder").display(),
        steps.concat(),
    );
    // A page without a server's name means the default port, which may be in use here.
    let server = format!("http://localhost:{port}");
    let script = script
        .replace("http://localhost:3000", &server)
        .replace("strongroom secret put", &format!("strongroom secret put --server {server}"))
        .replace("strongroom secret open", &format!("strongroom secret open --server {server}"))
        .replace("strongroom secret get", &format!("strongroom secret get --server {server}"))
        .replace("strongroom secret list", &format!("strongroom secret list --server {server}"))
        .replace("strongroom secret rm", &format!("strongroom secret rm --server {server}"))
        .replace("strongroom backup push", &format!("strongroom backup push --server {server}"))
        .replace("strongroom backup pull", &format!("strongroom backup pull --server {server}"))
        .replace("strongroom backup list", &format!("strongroom backup list --server {server}"));
    let mut shell = Command::new("timeout");
    shell.args(["60", "bash", "-c", &format!("exec 2>&1\n{script}")]);
    shell.current_dir(place.path("")).stdin(Stdio::null());
    for name in crate::settings_of_this_machine() {
        shell.env_remove(name);
    }
    let ran = shell
        .env("HOME", place.path(""))
        .env("XDG_CONFIG_HOME", place.path("config"))
        .env("STRONGROOM_LISTEN", format!("127.0.0.1:{port}"))
        .output()
        .expect("it runs");
    let shown = String::from_utf8(ran.stdout).expect("text");
    assert!(ran.status.success(), "{shown}");
    for line in blocks("text").iter().flat_map(|block| block.lines()) {
        let told = line.split('…').next().expect("a first part").trim_end();
        assert!(shown.lines().any(|line| line.starts_with(told)), "{line:?} is not in\n{shown}");
    }
}

#[test]
fn the_lesson_of_a_file_holds() {
    follow(include_str!("../../../../docs/tutorials/seal-a-file.md"));
}

#[test]
fn the_lesson_of_a_vault_holds() {
    follow(include_str!("../../../../docs/tutorials/first-vault.md"));
}

#[test]
fn the_lesson_of_a_backup_holds() {
    follow(include_str!("../../../../docs/tutorials/wallet-backup.md"));
}

/// The help of a verb and of the verbs below it, as sections of a page.
fn help_of(verb: &[&str], page: &mut String) {
    // Help is wrapped as for a terminal of this width.
    let width = [("COLUMNS", "100")];
    let help = Place::new().run_with(&[verb, &["--help"]].concat(), &width, "").ok_text();
    let mut lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let takes_settings = help.contains("--max-connections-per-address");
    if takes_settings {
        lines.truncate(lines.iter().position(|line| *line == "Options:").expect("options"));
    }
    let name = [&["strongroom"], verb].concat().join(" ");
    page.push_str(&format!("\n## {name}\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    if takes_settings {
        page.push_str("\nIts options are the [settings](settings.md#all-settings), and `--config FILE`.\n");
    }
    let verbs = lines.iter().skip_while(|line| **line != "Commands:").skip(1);
    for line in verbs.take_while(|line| line.starts_with(' ')) {
        // Lines that are indented deeper continue a verb's description.
        let Some(below) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else { continue };
        let below = below.split(' ').next().expect("a name");
        if below != "help" {
            help_of(&[verb, &[below]].concat(), page);
        }
    }
}

/// The page is the output of `--help`; `UPDATE_GOLDEN=1` writes it.
#[test]
fn the_page_of_the_command_line_is_the_help() {
    let mut expected = "# Command line\n\n\
        What `strongroom VERB --help` says of each verb. Data goes to standard output, and talk to standard\n\
        error. `-` names standard input or output.\n\n\
        <!-- Written by the test of the same help, with UPDATE_GOLDEN=1. -->\n"
        .to_owned();
    help_of(&[], &mut expected);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(COMMAND_LINE, expected).expect("written");
        return;
    }
    let page = std::fs::read_to_string(COMMAND_LINE).expect("docs/reference/command-line.md");
    assert!(page == expected, "the help changed: run this test with UPDATE_GOLDEN=1");
}
