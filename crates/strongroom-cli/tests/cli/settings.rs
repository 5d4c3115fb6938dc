//! The three places of settings, the texts of mistakes, and the secrets that are never shown.

use crate::serve::Server;
use crate::{Place, Run};

const PASSWORD: &str = "hunter2-of-the-database";

fn check(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    place.run_with(&[&["config", "check"], arguments].concat(), variables, "")
}

/// A setting's line of `config check`: its value, and where it was set.
fn shown<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    let (value, from) = line.trim_start().rsplit_once("   (").expect("a value and a place");
    Some((value, from.strip_suffix(')').expect("a bracket")))
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let place = Place::new();
    place.write(
        "strongroom.toml",
        "trusted_hops = 1\naddress_rate = 11\nwallet_rate = 21\nrequire_sign_in_to_store = true\n\
         chain_id = [1, 10]\nsign_in_origin = [\"https://a.example\", \"https://b.example\"]\n",
    );
    let variables = [
        ("STRONGROOM_ADDRESS_RATE", "12"),
        ("STRONGROOM_WALLET_RATE", "22"),
        ("STRONGROOM_CHAIN_ID", "5, 7"),
        ("STRONGROOM_CORS_ORIGIN", "https://a.example,*"),
    ];
    let flags = ["--wallet-rate", "23", "--require-sign-in-to-store=false", "--max-body", "1MiB"];
    let text = check(&place, &flags, &variables).ok_text();
    for (name, expected) in [
        ("trusted-hops", Some(("1", "trusted_hops in strongroom.toml"))),
        ("address-rate", Some(("12", "STRONGROOM_ADDRESS_RATE"))),
        ("wallet-rate", Some(("23", "--wallet-rate"))),
        ("require-sign-in-to-store", Some(("false", "--require-sign-in-to-store"))),
        ("max-body", Some(("1MiB", "--max-body"))),
        // A list from one place replaces a list from another; they are not merged.
        ("chain-id", Some(("5, 7", "STRONGROOM_CHAIN_ID"))),
        ("cors-origin", Some(("https://a.example, *", "STRONGROOM_CORS_ORIGIN"))),
        (
            "sign-in-origin",
            Some(("https://a.example, https://b.example", "sign_in_origin in strongroom.toml")),
        ),
        ("listen", None),
    ] {
        assert_eq!(shown(&text, name), expected, "{name} in\n{text}");
    }
    let text = check(&place, &["--chain-id", "3", "--chain-id", "4"], &variables).ok_text();
    assert_eq!(shown(&text, "chain-id"), Some(("3, 4", "--chain-id")));
}

#[test]
fn the_file_is_the_one_that_is_named() {
    let place = Place::new();
    for (name, hops) in [("strongroom.toml", 1), ("flag.toml", 2), ("variable.toml", 3)] {
        place.write(name, format!("trusted_hops = {hops}\n"));
    }
    let variable = [("STRONGROOM_CONFIG", "variable.toml")];
    for (flags, variables, hops) in [
        (&[][..], &[][..], "1"),
        (&["--config", "flag.toml"], &[], "2"),
        (&[], &variable, "3"),
        (&["--config", "flag.toml"], &variable, "2"),
    ] {
        let text = check(&place, flags, variables).ok_text();
        assert_eq!(shown(&text, "trusted-hops").expect("it is set").0, hops, "{flags:?} {variables:?}");
    }
    check(&place, &["--config", "none.toml"], &[]).fails(2, "none.toml: ");
    check(&place, &[], &[("STRONGROOM_CONFIG", "none.toml")]).fails(2, "none.toml: ");
}

#[test]
fn every_mistake_is_named_at_once_and_serve_says_the_same() {
    let place = Place::new();
    place.write("ca.pem", "");
    place.write(
        "strongroom.toml",
        "lisen = \"127.0.0.1:1\"\ndata-dir = \"data\"\nmetrics_listen = \"nowhere\"\npublic_url = \"vault.example\"\n\
         tls_cert = \"cert.pem\"\ndatabase_ca = \"ca.pem\"\nmax_active = 0\nanonymous_lifetime = \"30\"\n\
         max_body = \"2MB\"\nchain_id = [1, \"mainnet\"]\ncors_origin = [[\"*\"]]\nwallet_rate = 1.5\n\
         root_file = [\"a\", \"b\"]\n",
    );
    let expected = [
        "lisen in strongroom.toml is not known: is listen meant?",
        "data-dir in strongroom.toml is not known: is data_dir meant?",
        "metrics-listen: \"nowhere\": ",
        "public-url: \"vault.example\": ",
        "tls-cert, tls-key: one is set without the other",
        "database-ca: it is set without database-url",
        "max-active: \"0\": a number from 1 to 100000 is expected (max_active in strongroom.toml)",
        "anonymous-lifetime: \"30\": a time such as 30d or 12h is expected",
        "max-body: \"2MB\": a size such as 2MiB is expected",
        "chain-id: \"mainnet\": ",
        "cors_origin in strongroom.toml is not a text, a number, true, false, or a list of those",
        "wallet_rate in strongroom.toml is not a text, a number, true, false, or a list of those",
        "root-file: root_file in strongroom.toml has several values",
        "trusted-hops: \"many\": ",
        "listen: \"everywhere\": ",
    ];
    let variables = [("STRONGROOM_TRUSTED_HOPS", "many")];
    let flags = ["--listen", "everywhere"];
    let run = check(&place, &flags, &variables);
    assert_eq!((run.code, run.stdout.len()), (2, 0), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: 15 mistakes in the settings:\n"), "{}", run.stderr);
    for mistake in expected {
        let named = run.stderr.lines().filter(|line| line.trim_start().starts_with(mistake)).count();
        assert_eq!(named, 1, "{mistake} in\n{}", run.stderr);
    }
    let serve = place.run_with(&[&["serve"], &flags[..]].concat(), &variables, "");
    assert_eq!((serve.code, serve.stderr), (2, run.stderr));
    assert_eq!(place.files(), ["ca.pem", "strongroom.toml"], "nothing was made");
}

#[test]
fn a_single_mistake_is_one_line() {
    let place = Place::new();
    for (flags, mistake) in [
        (&["--tls-key", "key.pem"][..], "error: tls-cert, tls-key: one is set without the other"),
        (&["--tls-cert", "c", "--tls-key", "k"], "error: tls-cert, tls-key: c cannot be read: "),
        (&["--database-connections", "3"], "error: database-connections: it is set without database-url"),
        (
            &["--database-url", "host=/run user=u", "--database-ca", "none"],
            "error: database-ca: none cannot be read",
        ),
        (&["--listen", "0.0.0.0:3000"], "error: listen: 0.0.0.0:3000 does not say how clients reach"),
        (&["--listen", "[::]:3000"], "error: listen: [::]:3000 does not say how clients reach"),
        (&["--max-connections", "0"], "error: max-connections: \"0\": a number from 1 to "),
        (&["--anonymous-lifetime", "0s"], "error: anonymous-lifetime: \"0s\": a time such as"),
        (&["--address-rate", "-1"], "error: "),
    ] {
        let run = check(&place, flags, &[]);
        assert!(run.stderr.starts_with(mistake), "{flags:?}: {}", run.stderr);
        run.fails(2, mistake);
    }
    place.write("strongroom.toml", "trusted_hops = 1\ntrusted_hops\n");
    check(&place, &[], &[]).fails(2, "strongroom.toml: TOML parse error at line 2");
}

/// Guard: a password in the arguments is refused, since every user can see them (settings.rs,
/// `database`).
#[test]
fn a_password_comes_by_the_environment_or_a_file_and_is_never_shown() {
    let place = Place::new();
    let url = format!("postgres://vault:{PASSWORD}@127.0.0.1/vault");
    place.write("url", format!("{url}\n"));
    place.write("text.toml", format!("database_url = \"{url}\"\n"));
    place.write("file.toml", "database_url_file = \"url\"\n");
    for (flags, variables, from) in [
        (&[][..], &[("STRONGROOM_DATABASE_URL", url.as_str())][..], "STRONGROOM_DATABASE_URL"),
        (&[], &[("STRONGROOM_DATABASE_URL_FILE", "url")], "STRONGROOM_DATABASE_URL_FILE"),
        (&["--database-url-file", "url"], &[], "--database-url-file"),
        (&["--config", "text.toml"], &[], "database_url in text.toml"),
        (&["--config", "file.toml"], &[], "database_url_file in file.toml"),
    ] {
        let run = check(&place, flags, variables);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        let text = run.ok_text();
        assert_eq!(shown(&text, "database-url"), Some(("(not shown)", from)), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
    for argument in [url, format!("host=127.0.0.1 user=vault password={PASSWORD}")] {
        let run = check(&place, &["--database-url", &argument], &[]);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        run.fails(2, "database-url: it holds a password");
    }
    check(&place, &["--database-url", "postgres://vault@127.0.0.1/vault"], &[]).ok();
}

#[test]
fn no_mistake_repeats_a_password() {
    let place = Place::new();
    let url = format!("postgres://vault:{PASSWORD}@127.0.0.1:port/vault");
    place.write("url", &url);
    place.write("not-text", [url.as_bytes(), &[0xFF]].concat());
    place.write("two.toml", format!("database_url = [\"{url}\", \"{url}\"]\n"));
    place.write("both.toml", format!("database_url = \"{url}\"\ndatabase_url_file = \"url\"\n"));
    place.write("slip.toml", format!("database_ulr = \"{url}\"\n"));
    place.write("shape.toml", format!("database_url = {{ url = \"{url}\" }}\n"));
    let variable = ("STRONGROOM_DATABASE_URL", url.as_str());
    let no_url = "postgres://user@host:port/database is expected";
    for (flags, variables, mistake) in [
        (&["--database-url", url.as_str()][..], &[][..], no_url),
        (&["--database-url-file", "url"], &[], no_url),
        (&["--database-url-file", "not-text"], &[], "is not text"),
        (&["--database-url-file", "none"], &[], "none"),
        (&["--database-url", &url, "--database-url-file", "url"], &[], "are both set"),
        (&[], &[variable], no_url),
        (&[], &[variable, ("STRONGROOM_DATABASE_URL_FILE", "url")], "are both set"),
        (&["--config", "two.toml"], &[], "has several values"),
        (&["--config", "both.toml"], &[], "sets it and database-url-file"),
        (&["--config", "slip.toml"], &[], "is database_url meant?"),
        (&["--config", "shape.toml"], &[], "is not a text, a number"),
    ] {
        let run = check(&place, flags, variables);
        assert!(!run.stderr.contains(PASSWORD), "{flags:?}: {}", run.stderr);
        run.fails(2, mistake);
    }
    // Nor do the errors of a database that cannot be reached, or that refuses the user.
    let nobody = format!("postgres://vault:{PASSWORD}@127.0.0.1:1/vault");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let run = place.run_with(&serve, &[("STRONGROOM_DATABASE_URL", &nobody)], "");
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

/// A forgotten quote is a likely mistake in the line that holds the password.
#[test]
fn a_file_that_does_not_parse_is_not_repeated() {
    let place = Place::new();
    let url = format!("postgres://vault:{PASSWORD}@127.0.0.1/vault");
    for text in [
        format!("database_url = \"{url}\n"),
        format!("database_url = {url}\n"),
        format!("database_url = \"{url}\"\ndatabase_url = \"{url}\"\n"),
    ] {
        place.write("strongroom.toml", &text);
        let run = check(&place, &[], &[]);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        run.fails(2, "strongroom.toml: TOML parse error at line ");
    }
}

#[test]
fn a_server_takes_its_settings_from_a_file() {
    let place = Place::new();
    place.write("other.toml", "metrics_listen = \"127.0.0.1:0\"\n");
    let server = Server::start(&place, &["--config", "other.toml"], &[]);
    let metrics = server.talk.lines().find_map(|line| line.strip_prefix("metrics on ")).expect("their URL");
    let figures = ureq::get(metrics).call().expect("an answer").body_mut().read_to_string().expect("text");
    assert!(figures.contains("strongroom_build_info"), "{figures}");
    let public = ureq::get(format!("{}/metrics", server.url)).call();
    assert!(matches!(public, Err(ureq::Error::StatusCode(404))), "the figures are the operator's alone");
}
