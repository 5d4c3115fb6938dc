//! Native envelopes through the real binary: any size, pipes, terminals, full disks, kills.

use crate::Place;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom");

impl Place {
    fn spawn(&self, args: &[&str]) -> Child {
        Command::new(PROGRAM)
            .args(args)
            .current_dir(self.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs")
    }
}

/// Both ends of a terminal.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("ours");
    let name = ptsname(&master, Vec::new()).expect("its name");
    let slave =
        File::options().read(true).write(true).open(name.to_str().expect("text")).expect("its other end");
    (master.into(), slave)
}

#[test]
fn armor_passes_where_bytes_do_not() {
    let place = Place::new();
    let key = place.keygen("key");
    let secret: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let text = place.run(&["encrypt", "-a", "-r", &key], secret.clone()).ok_text();
    assert!(
        text.starts_with("-----BEGIN STRONGROOM ENVELOPE-----\n")
            && text.lines().all(|line| line.len() <= 64)
    );
    for text in [text.clone(), text.replace('\n', "\r\n"), format!("{text}\n\n")] {
        assert_eq!(place.run(&["decrypt", "-i", "key"], text).ok(), secret);
    }
    let report = place.run(&["inspect"], text.clone()).ok_text();
    assert!(report.contains("armored") && report.contains("100000 bytes"), "{report}");
    let cut = text.replace("-----END STRONGROOM ENVELOPE-----", "");
    place.run(&["decrypt", "-i", "key", "-o", "out"], cut.clone()).fails(1, "damaged");
    place.run(&["inspect"], cut).fails(1, "armor");
    place.run(&["decrypt", "-i", "key", "-o", "out"], "-----BEGIN PGP MESSAGE-----\n").fails(1, "armor");
    assert_eq!(place.files(), ["key"]);
}

#[test]
fn what_is_altered_or_cut_leaves_no_file() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("secret", vec![7; 1_000_000]);
    let sealed = place.run(&["encrypt", "-r", &key, "secret"], "").ok();
    place.write("out", "before");
    let header = u32::from_be_bytes(sealed[8..12].try_into().expect("a length")) as usize;
    let flipped = |at: usize| {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        bytes
    };
    let decrypt = ["decrypt", "-i", "key", "-o", "out"];
    for (bytes, error) in [
        (sealed[..sealed.len() - 1].to_vec(), "damaged"),
        (sealed[..12 + header + 32 + 56 + 2 * 16_400].to_vec(), "damaged"),
        ([&sealed[..], b"x"].concat(), "damaged"),
        (flipped(sealed.len() / 2), "damaged"),
        (flipped(12 + header), "damaged"),
        (sealed[..100].to_vec(), "cut short"),
        (flipped(7), "unknown version"),
        (flipped(0), "not a payload"),
    ] {
        place.run(&decrypt, bytes).fails(1, error);
        assert_eq!(place.read("out"), b"before");
    }
    // The authentic part has gone to the pipe, and the exit code says that it is not the whole.
    let cut = place.run(&["decrypt", "-i", "key"], &sealed[..sealed.len() - 1]);
    assert!(cut.code == 1 && cut.stderr.contains("damaged"), "{}", cut.stderr);
    assert!(cut.stdout.len() < 1_000_000 && cut.stdout.iter().all(|byte| *byte == 7));
    assert_eq!(place.files(), ["key", "out", "secret"]);
}

/// `-o` names the input itself, which is read to its end before it is replaced.
#[test]
fn a_file_may_be_sealed_in_its_own_place() {
    let place = Place::new();
    let key = place.keygen("key");
    let secret = vec![9; 3_000_000];
    place.write("file", &secret);
    place.run(&["encrypt", "-r", &key, "-o", "file", "file"], "").ok();
    assert!(place.read("file").starts_with(b"SRENV"));
    place.run(&["decrypt", "-i", "key", "-o", "file", "file"], "").ok();
    assert_eq!(place.read("file"), secret);
}

/// Standard output, a pipe or a file, is written and not replaced. A link whose file is missing is
/// an error.
#[cfg(target_os = "linux")]
#[test]
fn stdout_by_its_path_is_stdout() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("sealed", place.run(&["encrypt", "-r", &key], "hello\n").ok());
    let script = format!(
        "echo before; {PROGRAM} decrypt -i key -o /dev/stdout sealed; {PROGRAM} decrypt -i key -o link sealed; echo after"
    );
    std::os::unix::fs::symlink("/proc/self/fd/1", place.path("link")).expect("a link");
    std::os::unix::fs::symlink("nowhere", place.path("dangling")).expect("a link");
    let log = File::create(place.path("log")).expect("a file");
    let status = Command::new("sh").args(["-c", &script]).current_dir(place.path("")).stdout(log).status();
    assert!(status.expect("it runs").success());
    assert_eq!(place.read("log"), b"before\nhello\nhello\nafter\n");
    assert!(place.path("link").is_symlink());
    place.run(&["decrypt", "-i", "key", "-o", "dangling", "sealed"], "").fails(2, "points to does not exist");
    assert!(place.path("dangling").is_symlink() && !place.path("nowhere").exists());
}

/// A closed stderr does not make a command fail.
#[cfg(target_os = "linux")]
#[test]
fn a_stderr_that_takes_nothing_changes_no_exit_code() {
    let place = Place::new();
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    let run = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(place.path("")).stdin(Stdio::null()).stderr(full());
        command.status().expect("it runs").code()
    };
    assert_eq!(run(&["keygen", "-o", "key"]), Some(0));
    assert_eq!(run(&["decrypt", "-i", "key"]), Some(1));
}

/// Memory does not grow with the size of the input; `bench/files.sh` shows the same with 10 GiB.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_of_any_length_takes_the_same_memory() {
    const BYTES: usize = 200 * 1024 * 1024;
    let place = Place::new();
    let key = place.keygen("key");
    let peak_kib = |child: &Child| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
    };
    let pass = |args: &[&str], input: &mut dyn Read| -> (usize, Vec<u8>) {
        let mut child = place.spawn(args);
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut stdout = child.stdout.take().expect("a pipe");
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).expect("read");
            bytes
        });
        std::io::copy(input, &mut stdin).expect("fed");
        let kib = peak_kib(&child);
        drop(stdin);
        let bytes = reading.join().expect("read");
        assert!(child.wait().expect("it ends").success());
        (kib, bytes)
    };
    let (small, _) = pass(&["encrypt", "-r", &key], &mut std::io::repeat(5).take(1024 * 1024));
    let (large, sealed) = pass(&["encrypt", "-r", &key], &mut std::io::repeat(5).take(BYTES as u64));
    assert!(large < small + 10 * 1024, "{large} KiB after {small}");
    let (opening, opened) = pass(&["decrypt", "-i", "key"], &mut &sealed[..]);
    assert!(opening < small + 10 * 1024, "{opening} KiB after {small}");
    assert!(opened.len() == BYTES && opened.iter().all(|byte| *byte == 5));
}

#[test]
fn a_kill_half_way_leaves_nothing() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("out", "before");
    for (args, bytes) in [
        (vec!["encrypt", "-r", &key, "-o", "out"], vec![1; 2_000_000]),
        (vec!["decrypt", "-i", "key", "-o", "out"], {
            let sealed = place.run(&["encrypt", "-r", &key], vec![1; 4_000_000]).ok();
            sealed[..2_000_000].to_vec()
        }),
    ] {
        let mut child = place.spawn(&args);
        // Once it has read this much, it has written some output.
        child.stdin.as_mut().expect("a pipe").write_all(&bytes).expect("fed");
        child.kill().expect("killed");
        child.wait().expect("it ended");
        assert_eq!(place.files(), ["key", "out"]);
        assert_eq!(place.read("out"), b"before");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_ends_is_told_and_nothing_is_left() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("secret", vec![7; 4 << 20]);
    place.write("sealed", place.run(&["encrypt", "-r", &key, "secret"], "").ok());
    for args in [format!("encrypt -r {key} -o out secret"), "decrypt -i key -o out sealed".to_owned()] {
        // Files are limited to 512 KiB, and a write beyond that is an error instead of a signal.
        let script = format!("trap '' XFSZ; ulimit -f 1024; exec {PROGRAM} {args}");
        let output =
            Command::new("sh").args(["-c", &script]).current_dir(place.path("")).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("cannot write out") && stderr.contains("File too large"), "{stderr}");
        assert_eq!(place.files(), ["key", "sealed", "secret"]);
    }
}

#[test]
fn a_terminal_is_spared_bytes_and_shown_text() {
    let place = Place::new();
    let key = place.keygen("key");
    place.write("binary", place.run(&["encrypt", "-r", &key], vec![0xFF; 100]).ok());
    place.write("text", place.run(&["encrypt", "-r", &key], "four years\n").ok());
    let run = |args: &[&str]| {
        let (mut master, slave) = terminal();
        let output = Command::new(PROGRAM)
            .args(args)
            .current_dir(place.path(""))
            .stdin(Stdio::null())
            .stdout(slave)
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        let mut shown = [0; 100];
        let count = if output.status.success() { master.read(&mut shown).expect("shown") } else { 0 };
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr, String::from_utf8_lossy(&shown[..count]).into_owned())
    };
    let (code, stderr, _) = run(&["encrypt", "-r", &key]);
    assert!(
        code == Some(2) && stderr.contains("standard output is a terminal") && stderr.contains("-a"),
        "{stderr}"
    );
    let (code, stderr, _) = run(&["decrypt", "-i", "key", "binary"]);
    assert!(code == Some(2) && stderr.contains("the secret is binary"), "{stderr}");
    let (code, _, shown) = run(&["decrypt", "-i", "key", "text"]);
    assert_eq!((code, shown.trim_end()), (Some(0), "four years"));
}

/// The bar comes after a second, so the pipe is fed until it does.
#[test]
fn a_bar_shows_on_a_terminal_for_work_that_takes_a_while() {
    let place = Place::new();
    let key = place.keygen("key");
    let (mut master, slave) = terminal();
    let mut child = Command::new(PROGRAM)
        .args(["encrypt", "-r", &key, "-o", "out"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stderr(slave)
        .spawn()
        .expect("it runs");
    let shown = std::thread::spawn(move || {
        let mut shown = [0; 200];
        let count = master.read(&mut shown).expect("something is shown");
        String::from_utf8_lossy(&shown[..count]).into_owned()
    });
    let mut stdin = child.stdin.take().expect("a pipe");
    let start = Instant::now();
    while !shown.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(60), "no bar");
        stdin.write_all(&[0; 10_000]).expect("fed");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(start.elapsed() > Duration::from_secs(1));
    let shown = shown.join().expect("shown");
    assert!(shown.contains("iB"), "{shown:?}");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_passphrase_locks_a_key_file() {
    let place = Place::new();
    place.write("pass", "correct horse\nnot this\n");
    place.write("wrong", "battery staple\n");
    place.run(&["keygen", "--passphrase-file", "pass", "-o", "key"], "").ok();
    assert!(!String::from_utf8(place.read("key")).expect("text").contains("SECRET-KEY"));
    let public = place.run(&["pubkey", "--passphrase-file", "pass", "key"], "").ok_text();
    let sealed = place.run(&["encrypt", "-r", &public], "hello").ok();
    let decrypt =
        |file: &str| place.run(&["decrypt", "-i", "key", "--passphrase-file", file], sealed.clone());
    assert_eq!(decrypt("pass").ok(), b"hello");
    decrypt("wrong").fails(1, "the passphrase does not open this key");
    // Another locked key comes first, and an open one last. The key that fits is found,
    // and the file is read once.
    place.run(&["keygen", "--passphrase-file", "wrong", "-o", "other"], "").ok();
    place.keygen("open");
    let many = ["decrypt", "-i", "other", "-i", "key", "-i", "open", "--passphrase-file"];
    assert_eq!(place.run(&[&many[..], &["pass"]].concat(), sealed.clone()).ok(), b"hello");
    place.write("sealed", &sealed);
    let piped = [&many[..], &["-", "sealed"]].concat();
    assert_eq!(place.run(&piped, "correct horse").ok(), b"hello");
}

/// The passphrase is asked for on the terminal, though stdin and stdout are redirected. `setsid
/// --ctty` gives the program its own terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_passphrase_is_asked_on_the_terminal() {
    let place = Place::new();
    let asked = |args: &[&str], answers: &[(&str, &str)]| {
        let (mut master, slave) = terminal();
        let mut child = Command::new("setsid")
            .args(["--ctty", "--wait", PROGRAM])
            .args(args)
            .current_dir(place.path(""))
            .stdin(slave)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setsid runs");
        let mut shown = String::new();
        for (prompt, answer) in answers {
            while !shown.contains(prompt) {
                let mut some = [0; 200];
                let count = master.read(&mut some).expect("a prompt");
                shown += &String::from_utf8_lossy(&some[..count]);
            }
            shown.clear();
            writeln!(master, "{answer}").expect("typed");
        }
        let status = child.wait().expect("it ends");
        let mut stderr = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        (status.code(), stderr)
    };
    let new = ("new passphrase: ", "horse");
    let (code, stderr) = asked(&["keygen", "-p", "-o", "key"], &[new, ("the same again: ", "house")]);
    assert!(code == Some(2) && stderr.contains("the two passphrases differ"), "{stderr}");
    let (code, stderr) = asked(&["keygen", "-p", "-o", "key"], &[new, ("the same again: ", "horse")]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, stderr) = asked(&["pubkey", "key"], &[("passphrase for key: ", "horse")]);
    assert_eq!(code, Some(0), "{stderr}");
    let (code, stderr) = asked(&["pubkey", "key"], &[("passphrase for key: ", "mouse")]);
    assert!(code == Some(1) && stderr.contains("does not open this key"), "{stderr}");
}

#[test]
fn hybrid_keys_seal_and_open_and_serve_no_w3pk_payload() {
    let place = Place::new();
    place.run(&["keygen", "--kem", "mlkem1024-p384", "-o", "both"], "").ok();
    let key = place.run(&["pubkey", "both"], "").ok_text();
    let sealed = place.run(&["encrypt", "-r", &key], "hello").ok();
    assert_eq!(place.run(&["decrypt", "-i", "both"], sealed.clone()).ok(), b"hello");
    assert!(place.run(&["inspect"], sealed).ok_text().contains("MLKEM1024-P384"));
    place.run(&["encrypt", "--format", "w3pk", "-r", &key], "hello").fails(2, "a hybrid key");
    place.run(&["pubkey", "--base64", "both"], "").fails(2, "MLKEM1024-P384");
}

#[test]
fn lists_and_policies_have_bounds() {
    let place = Place::new();
    let key = place.keygen("key");
    let many: String = (0..513_u32)
        .map(|n| {
            let mut seed = [0; 64];
            seed[..4].copy_from_slice(&n.to_be_bytes());
            format!("{}\n", strongroom::key::DecapsulationKey::from_seed(&seed).encapsulation_key())
        })
        .collect();
    place.write("many", many);
    place.run(&["encrypt", "-R", "many"], "").fails(2, "an envelope may have at most 512");
    place.run(&["encrypt", "-r", &key, "--label", "a\nb"], "").fails(2, "label is out of bounds");
    let backwards = ["--not-before", "2030-01-01T00:00:00Z", "--not-after", "2029-01-01T00:00:00Z"];
    place
        .run(&[&["encrypt", "-r", &key][..], &backwards].concat(), "")
        .fails(2, "not-after is out of bounds");
    place.run(&["encrypt", "-r", &key, "--reader", "0x12"], "").fails(2, "not a principal");
    place.run(&["encrypt", "-r", &key, "--format", "w3pk", "--label", "x"], "").fails(2, "carries no policy");
    place
        .run(&["encrypt", "--server", "http://127.0.0.1:9"], "")
        .fails(2, "--server needs at least one --reader");
    let shown = place
        .run(&["encrypt", "-r", &key, "--label", "for 2030", "--not-after", "2030-01-01T00:00:00Z"], "")
        .ok();
    let shown = place.run(&["inspect"], shown).ok_text();
    assert!(shown.contains("for 2030") && shown.contains("2030-01-01T00:00:00Z"), "{shown}");
}

#[test]
fn recipients_come_and_go_by_rewrapping() {
    let place = Place::new();
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| place.keygen(name));
    let eve_id = place.run(&["pubkey", "--fingerprint", "eve"], "").ok_text();
    place.write("secret", vec![3; 300_000]);
    place.run(&["encrypt", "-r", &ann, "-r", &eve, "--label", "ours", "-o", "before", "secret"], "").ok();
    let opens = |key: &str, file: &str| place.run(&["decrypt", "-i", key, file], "").code == 0;

    let change = ["rewrap", "-i", "ann", "--add", &bob, "--remove", &eve_id, "-o", "after", "before"];
    let told = place.run(&change, "");
    assert!(told.stderr.contains("can still read what they could read before"), "{}", told.stderr);
    told.ok();
    assert_eq!([opens("ann", "after"), opens("bob", "after"), opens("eve", "after")], [true, true, false]);
    let (before, after) = (place.read("before"), place.read("after"));
    assert!(after.ends_with(&before[before.len() - 300_000..]), "the payload is the same");

    let rewrap =
        |args: &[&str]| place.run(&[&["rewrap", "-i", "ann", "-o", "new"], args, &["before"]].concat(), "");
    rewrap(&[]).fails(2, "nothing to change");
    rewrap(&["--label", "x"]).fails(2, "needs a new file key");
    rewrap(&["-r", &bob]).fails(2, "needs a new file key");
    rewrap(&["--remove", &bob]).fails(1, "names nobody");
    rewrap(&["--remove", "sr:0000-0000-0000-0000"]).fails(1, "names nobody");
    rewrap(&["--add", &eve]).fails(2, "named twice");
    rewrap(&["--remove", &ann, "--remove", &eve]).fails(2, "an envelope needs at least one");
    place.run(&["rewrap", "-i", "bob", "--add", &bob, "before"], "").fails(1, "none of the given keys");

    rewrap(&["--rotate-key", "-r", &ann]).fails(1, &eve_id);
    rewrap(&["--rotate-key", "-r", &ann, "-r", &eve, "--remove", &bob]).fails(1, "names nobody");
    let cut = before[..before.len() - 1000].to_vec();
    let whole_chunks = &cut[..before.len() - 300_000 / 16_384 * 16 - 300_000 - 16 + 2 * 16_400];
    place.run(&["rewrap", "-i", "ann", "--add", &bob, "-o", "new", "-"], whole_chunks).fails(1, "damaged");
    assert!(!place.files().contains(&"new".to_owned()), "what failed left nothing");
    rewrap(&["--rotate-key", "-r", &ann, "--remove", &eve, "--label", "new label"]).ok();
    assert_eq!([opens("ann", "new"), opens("eve", "new")], [true, false]);
    let new = place.read("new");
    assert!(!new.ends_with(&before[before.len() - 100..]), "another key, another payload");
    assert!(place.run(&["inspect", "new"], "").ok_text().contains("new label"));
    // An armored envelope stays armored, and a damaged one is not sealed again.
    let armored = place.run(&["encrypt", "-a", "-r", &ann], "text").ok();
    let armored = place.run(&["rewrap", "-i", "ann", "--add", &bob, "-"], armored).ok();
    assert!(armored.starts_with(b"-----BEGIN"));
    assert_eq!(place.run(&["decrypt", "-i", "bob"], armored).ok(), b"text");
    let mut damaged = before;
    *damaged.last_mut().expect("a tag") ^= 1;
    let rotate = ["rewrap", "-i", "ann", "--rotate-key", "-r", &ann, "-r", &eve, "-o", "damaged", "-"];
    place.run(&rotate, damaged).fails(1, "damaged");
    let payload = place.run(&["encrypt", "--format", "w3pk", "-r", &ann], "text").ok();
    place.run(&["rewrap", "-i", "ann", "--add", &bob, "-"], payload).fails(2, "only a native envelope");
    assert_eq!(place.files(), ["after", "ann", "before", "bob", "eve", "new", "secret"]);
}
