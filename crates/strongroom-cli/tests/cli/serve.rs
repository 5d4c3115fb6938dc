use crate::Place;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// A server of the real binary, which is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// The lines that it wrote to stderr before it was ready.
    pub(crate) talk: String,
}

impl Server {
    pub(crate) fn start(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_as(Path::new(crate::BINARY), place, arguments, variables)
    }

    /// Starts a server of another binary.
    pub(crate) fn start_as(
        binary: &Path,
        place: &Place,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Self::command(binary, place, arguments, variables);
        let (server, mut lines) = Self::ready(&mut command, "listening on ");
        // A thread reads on, or the server's log would fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        server
    }

    /// Starts a server that waits for its root. It names its listener later.
    pub(crate) fn start_waiting(
        binary: &Path,
        place: &Place,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Self::command(binary, place, arguments, variables);
        let (mut server, mut lines) = Self::ready(&mut command, "waiting for the root on ");
        let end = server.url.find(": ").expect("the URL's end");
        server.url.truncate(end);
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        server
    }

    /// Closes the log once the server is ready.
    fn start_unread(place: &Place) -> Self {
        Self::start_with_log(place, &[], &[]).0
    }

    fn start_with_log(
        place: &Place,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Self, BufReader<ChildStderr>) {
        Self::ready(
            &mut Self::command(Path::new(crate::BINARY), place, arguments, variables),
            "listening on ",
        )
    }

    fn command(binary: &Path, place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary);
        command.arg("serve").args(arguments).args(["--data-dir", "data"]);
        // Port 0, unless the server must be found again at the same address.
        if !arguments.iter().any(|argument| argument.starts_with("--listen")) {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        for name in crate::settings_of_this_machine() {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).current_dir(place.path("")).stderr(Stdio::piped());
        command
    }

    /// Starts it, and reads its stderr until a line begins with this text. The rest of that line is
    /// its URL.
    fn ready(command: &mut Command, prefix: &str) -> (Self, BufReader<ChildStderr>) {
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut talk = String::new();
        let url = loop {
            let before = talk.len();
            assert_ne!(lines.read_line(&mut talk).expect("text"), 0, "it ended: {talk}");
            if let Some(url) = talk[before..].strip_prefix(prefix) {
                break url.trim().to_owned();
            }
        };
        (Self { child, url, talk }, lines)
    }

    pub(crate) fn signal(&mut self, name: &str) -> Option<i32> {
        self.send(name);
        self.child.wait().expect("it ends").code()
    }

    /// Sends a signal that does not end it.
    pub(crate) fn send(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let body =
            ureq::get(format!("{}{path}", self.url)).call().expect("an answer").body_mut().read_to_string();
        serde_json::from_str(&body.expect("a body")).expect("JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_starts_without_configuration_warns_and_ends_when_asked() {
    let place = Place::new();
    let vault_id = |server: &Server| server.get("/attestation")["vaultId"].clone();
    let mut server = Server::start(&place, &[], &[]);
    assert!(
        server.talk.contains("no TEE vouches") && server.talk.contains("in the clear"),
        "{}",
        server.talk
    );
    let first = vault_id(&server);
    assert_eq!(server.signal("TERM"), Some(0));
    let mut server = Server::start(&place, &[], &[]);
    assert_eq!(vault_id(&server), first, "the same vault after a restart");
    assert_eq!(server.signal("INT"), Some(0));
}

#[test]
fn a_root_under_a_passphrase_opens_with_it_alone_and_is_never_made_anew() {
    let place = Place::new();
    place.write("words", "correct horse\nnot this line\n");
    place.write("other", "incorrect horse\n");
    let sealed = ["--root-passphrase-file", "words"];
    let vault_id = |server: &Server| server.get("/attestation")["vaultId"].clone();
    let mut server = Server::start(&place, &sealed, &[]);
    assert!(server.talk.contains("the root is kept under a passphrase"), "{}", server.talk);
    assert!(!server.talk.contains("in the clear"), "{}", server.talk);
    let first = vault_id(&server);
    assert_eq!(server.signal("TERM"), Some(0));
    let mut server = Server::start(&place, &sealed, &[]);
    assert_eq!(vault_id(&server), first, "the same vault after a restart");
    assert_eq!(server.signal("TERM"), Some(0));

    let serve = |more: &[&str]| {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
        place.run(&[&arguments[..], more].concat(), "")
    };
    let file = std::fs::read(place.path("data/root.sealed")).expect("the root");
    serve(&["--root-passphrase-file", "other"]).fails(2, "the passphrase is wrong, or the file was altered");
    serve(&[]).fails(2, "name the file that holds the root's passphrase with --root-passphrase-file");
    serve(&["--root-passphrase-file", "nowhere"]).fails(2, "root-passphrase-file: ");
    assert_eq!(std::fs::read(place.path("data/root.sealed")).expect("the root"), file);

    let verify = ["store", "verify", "--root-file", "data/root.sealed", "data/vault.sqlite"];
    place.run(&[&verify[..], &sealed].concat(), "").ok_text();
    place.run(&verify, "").fails(2, "--root-passphrase-file");

    // A plain root is not accepted in place of a sealed one.
    let other = Place::new();
    other.write("words", "correct horse\n");
    let mut server = Server::start(&other, &[], &[]);
    assert_eq!(server.signal("TERM"), Some(0));
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let found = other.run(&[&arguments[..], &sealed].concat(), "");
    found.fails(2, "the root is sealed as `plain`, and `passphrase` was asked for");
}

#[test]
fn a_second_server_on_the_same_data_says_why_it_does_not_start() {
    let place = Place::new();
    let server = Server::start(&place, &[], &[]);
    let second = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    place.run(&second, "").fails(2, "data is in use by another server");
    let port = server.url.rsplit(':').next().expect("a port");
    let same_port = ["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir", "other"];
    place.run(&same_port, "").fails(2, "cannot listen on 127.0.0.1:");
    let everywhere = ["serve", "--listen", "0.0.0.0:0", "--data-dir", "other"];
    place.run(&everywhere, "").fails(2, "--public-url");
}

#[test]
fn an_imported_key_comes_from_the_environment_or_a_file_and_must_fit() {
    let place = Place::new();
    let lines = place.run(&["keygen", "--admin-env"], "").ok_text();
    let value =
        |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).expect("a line").to_owned();
    let (public, private) = (value("ADMIN_MLKEM_PUBLIC_KEY="), value("ADMIN_MLKEM_PRIVATE_KEY="));
    let both = [("ADMIN_MLKEM_PRIVATE_KEY", private.as_str()), ("ADMIN_MLKEM_PUBLIC_KEY", public.as_str())];
    let mut server = Server::start(&place, &[], &both);
    let evidence = server.get("/attestation");
    assert_eq!(
        (&evidence["mlkemPublicKey"], &evidence["keyOrigin"]),
        (&public.clone().into(), &"imported".into())
    );
    assert_eq!(server.signal("TERM"), Some(0));

    place.write("private", format!("{private}\n"));
    let path = place.path("private");
    let mut server =
        Server::start(&place, &[], &[("ADMIN_MLKEM_PRIVATE_KEY_FILE", path.to_str().expect("text"))]);
    assert_eq!(server.get("/attestation")["vaultId"], evidence["vaultId"]);
    assert_eq!(server.signal("TERM"), Some(0));

    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    place.run(&serve, "").fails(2, "keys_not_configured");
    let run = |variables: &[(&str, &str)]| {
        let output = crate::command(&place.path(""))
            .args(serve)
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(!stderr.contains(&private[..40]), "{stderr}");
        stderr
    };
    let other = place.run(&["keygen", "--admin-env"], "").ok_text();
    let other = other.lines().find_map(|line| line.strip_prefix("ADMIN_MLKEM_PRIVATE_KEY=")).expect("a line");
    assert!(run(&[("ADMIN_MLKEM_PRIVATE_KEY", other)]).contains("it is not the imported key's"));
    assert!(run(&[("ADMIN_MLKEM_PRIVATE_KEY", other), both[1]]).contains("is not the public key of"));
    assert!(run(&[both[1]]).contains("is set without"));
    assert!(run(&[("ADMIN_MLKEM_PRIVATE_KEY", "")]).contains("is set and empty"));
    assert!(run(&[("ADMIN_MLKEM_PRIVATE_KEY", &private[1..])]).contains("is not a key"));
}

/// The root is derived from the imported key, so losing its file does no harm, and it can stay in
/// memory. Guard: `strongroom_root::Opening`.
#[test]
fn an_imported_vault_comes_back_with_its_key_and_by_no_other() {
    let place = Place::new();
    let key = || {
        let lines = place.run(&["keygen", "--admin-env"], "").ok_text();
        let line = lines.lines().find_map(|line| line.strip_prefix("ADMIN_MLKEM_PRIVATE_KEY="));
        line.expect("a line").to_owned()
    };
    let (own, other) = (key(), key());
    let vault = |flags: &[&str]| {
        let mut server = Server::start(&place, flags, &[("ADMIN_MLKEM_PRIVATE_KEY", &own)]);
        let vault = server.get("/attestation")["vaultId"].clone();
        assert_eq!(server.signal("TERM"), Some(0));
        vault
    };
    let first = vault(&[]);
    std::fs::remove_file(place.path("data/root.sealed")).expect("lost");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    place.run_with(&serve, &[("ADMIN_MLKEM_PRIVATE_KEY", &other)], "").fails(2, "holds a store and no root");
    assert_eq!(vault(&["--root-sealer", "memory"]), first);
    assert_eq!(vault(&[]), first);
    assert_eq!(vault(&[]), first);
}

#[test]
fn a_store_without_its_root_is_refused_and_gets_no_new_one() {
    let place = Place::new();
    drop(Server::start(&place, &[], &[]));
    std::fs::rename(place.path("data/root.sealed"), place.path("saved")).expect("moved");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    place.run(&serve, "").fails(2, "holds a store and no root");
    assert!(!place.path("data/root.sealed").exists());
}

/// A crash must not leave a file with keys.
#[cfg(target_os = "linux")]
#[test]
fn it_leaves_no_core_dump() {
    let place = Place::new();
    let server = Server::start(&place, &[], &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}

#[test]
fn the_log_names_requests_and_holds_nothing_of_them() {
    let place = Place::new();
    let (mut server, mut lines) = Server::start_with_log(&place, &[], &[]);
    let reader = std::thread::spawn(move || {
        let mut log = String::new();
        lines.read_to_string(&mut log).map(|_| log)
    });
    let key = "11".repeat(32);
    place.write("wallet", &key);
    let verb = |verb: &str, arguments: &[&str], stdin: &str| {
        let head = ["secret", verb, "--allow-no-tee", "--wallet-file", "wallet", "--server", &server.url];
        place.run(&[&head, arguments].concat(), stdin)
    };
    let slot = verb("put", &[], "a secret text").ok_text();
    for name in ["open", "get", "rm"] {
        verb(name, &[&slot], "").ok();
    }
    verb("open", &[&slot], "").fails(1, "slot_not_found");
    assert_eq!(server.signal("TERM"), Some(0));
    let log = reader.join().expect("no panic").expect("text").to_lowercase();
    assert!(log.contains("/secret/access/{slot}") && log.contains("slot_not_found"), "{log}");
    let wallet: strongroom::wallet::WalletKey = key.parse().expect("a key");
    let address = wallet.address().to_string().to_lowercase();
    for held in ["a secret text", &slot, &address[2..], &key, "wants you to sign in"] {
        assert!(!log.contains(held), "{held} is in the log");
    }
}

/// Requests are answered even if nobody reads the log any more.
#[test]
fn requests_are_served_when_nobody_reads_the_log() {
    let place = Place::new();
    let server = Server::start_unread(&place);
    for _ in 0..500 {
        assert_eq!(server.get("/health")["status"], "ok");
    }
}

/// After SIGKILL, the lock is free, and root and store are whole.
#[test]
fn a_killed_server_starts_again_with_what_it_acknowledged() {
    let place = Place::new();
    let mut server = Server::start(&place, &[], &[]);
    place.write("wallet", format!("0x{}", "11".repeat(32)));
    let put = ["secret", "put", "--allow-no-tee", "--wallet-file", "wallet", "--server", &server.url];
    let slot = place.run(&put, "kept").ok_text();
    assert_eq!(server.signal("KILL"), None);
    let server = Server::start(&place, &[], &[]);
    let open =
        ["secret", "open", "--allow-no-tee", "--wallet-file", "wallet", "--server", &server.url, &slot];
    assert_eq!(place.run(&open, "").ok(), b"kept");
}
