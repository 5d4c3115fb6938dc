//! The table of settings, and the flags that follow from it.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// What can be set: as `--name`, as `STRONGROOM_NAME` in the environment, as `name` in `strongroom.toml`; there with
/// `_` for `-`.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// What its value is called; empty for a switch.
    pub(crate) value: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

/// How a setting is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Any number: a flag that is repeated, a list in the file, commas in the environment.
    Many,
    /// True where it is there without a value.
    Switch,
    /// One value that nobody may see; also in a file, which the setting of this name names.
    Secret(&'static str),
}

impl Setting {
    /// The name of the setting that names a file with this one's value.
    pub(crate) fn file(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Secret(file) => Some(file),
            _ => None,
        }
    }
}

const fn setting(name: &'static str, value: &'static str, kind: Kind, help: &'static str) -> Setting {
    Setting { name, value, kind, help }
}

pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "listen",
        "ADDR",
        Kind::One,
        "Address and port; port 0 takes a free one [default: 127.0.0.1:3000]",
    ),
    setting(
        "data-dir",
        "DIR",
        Kind::One,
        "Root and store; made where there is none, used by one server at a time [default: strongroom-data]",
    ),
    setting(
        "root-file",
        "FILE",
        Kind::One,
        "The sealed root, where it is not in the data directory, such as for several servers",
    ),
    setting(
        "root-sealer",
        "NAME",
        Kind::One,
        "What the root is sealed under: dstack, sev-snp, pkcs11, passphrase, plain (in the clear, for development), memory (nowhere: gone with the process), or auto: a passphrase or token that is named, else the platform's key, else memory in a TEE and plain outside [default: auto]",
    ),
    setting(
        "root-passphrase-file",
        "FILE",
        Kind::One,
        "Seal the root under the passphrase in this file's first line",
    ),
    setting(
        "hsm-module",
        "FILE",
        Kind::One,
        "Outside a TEE, seal the root under a key of a PKCS#11 token: the module of the token's maker, such as /usr/lib/softhsm/libsofthsm2.so",
    ),
    setting(
        "hsm-key-label",
        "LABEL",
        Kind::One,
        "The token's key, AES with 256 bits, which the token does not give out; under a new one the root is sealed anew at the next start",
    ),
    setting(
        "hsm-pin-file",
        "FILE",
        Kind::One,
        "The token's PIN: the file's first line. A wrong one is tried once a start",
    ),
    setting(
        "hsm-token",
        "LABEL",
        Kind::One,
        "The token, where the module shows several [default: the only one]",
    ),
    setting(
        "recovery",
        "1:KEY,KEY…",
        Kind::One,
        "Who could bring the root back: any one of these public keys (strongroom-pk-1…), shown in the evidence; none takes away who could before",
    ),
    setting(
        "recover",
        "",
        Kind::Switch,
        "Where a store is here and no root: wait until a recovery recipient brings it with `strongroom vault recover`; without a store a new vault is made",
    ),
    setting(
        "release-key",
        "KEY",
        Kind::One,
        "Hand the root to other replicas in TEEs, of code that this SLH-DSA key (0x and 128 hex digits) signed with `strongroom vault release`",
    ),
    setting(
        "join",
        "URL",
        Kind::One,
        "Where no root is here: ask this replica for it; both share the database",
    ),
    setting(
        "release-statement",
        "FILE",
        Kind::Many,
        "With --join: what the release key signed, of this code and of the other replica's where they differ",
    ),
    setting(
        "database-url",
        "URL",
        Kind::Secret("database-url-file"),
        "Keep the store in this PostgreSQL, for one or more servers: postgres://user@host/database [default: SQLite in the data directory]",
    ),
    setting(
        "database-ca",
        "FILE",
        Kind::One,
        "PEM certificates that may vouch for the database [default: the public authorities]",
    ),
    setting("database-connections", "N", Kind::One, "Connections to the database at most [default: 16]"),
    setting(
        "public-url",
        "URL",
        Kind::One,
        "How clients reach this server; sign-ins for its host are taken [default: the listening address]",
    ),
    setting(
        "sign-in-origin",
        "ORIGIN",
        Kind::Many,
        "Take sign-ins made at this origin too, such as a dApp's front end",
    ),
    setting("chain-id", "N", Kind::Many, "Take sign-ins of this EIP-155 chain alone [default: all]"),
    setting(
        "cors-origin",
        "ORIGIN",
        Kind::Many,
        "Let pages of this origin call the vault from a browser, or * for all",
    ),
    setting("require-sign-in-to-store", "", Kind::Switch, "Refuse to store for who has not signed in"),
    setting(
        "tls-cert",
        "FILE",
        Kind::One,
        "Serve TLS 1.3 with this PEM chain of certificates; SIGHUP reads it again",
    ),
    setting("tls-key", "FILE", Kind::One, "The PEM private key of --tls-cert"),
    setting(
        "tls-in-tee",
        "",
        Kind::Switch,
        "Serve TLS 1.3 with a key that is made here and bound by the evidence, so that nobody before the TEE can end the TLS",
    ),
    setting(
        "platform",
        "NAME",
        Kind::One,
        "What vouches for this server: dstack, intel-tdx, amd-sev-snp, aws-nitro, none, or auto for whatever is there [default: auto]",
    ),
    setting(
        "dstack-endpoint",
        "ENDPOINT",
        Kind::One,
        "dstack's agent: a socket or http:// URL [default: DSTACK_SIMULATOR_ENDPOINT, or /var/run/dstack.sock and its other paths]",
    ),
    setting(
        "tsm-dir",
        "DIR",
        Kind::One,
        "The kernel's configfs-tsm folder [default: /sys/kernel/config/tsm/report]",
    ),
    setting(
        "collateral-url",
        "URL",
        Kind::One,
        "Intel's certification service, or a PCCS, for the collateral of TDX [default: https://api.trustedservices.intel.com]",
    ),
    setting(
        "amd-kds-url",
        "URL",
        Kind::One,
        "AMD's key distribution service, for the certificates of SEV-SNP [default: https://kdsintf.amd.com]",
    ),
    setting(
        "collateral-file",
        "FILE",
        Kind::One,
        "Relay this bundle, the collateral of evidence as JSON, and fetch nothing",
    ),
    setting(
        "metrics-listen",
        "ADDR",
        Kind::One,
        "Serve /metrics and /health here, in the clear, for the operator",
    ),
    setting(
        "trusted-hops",
        "N",
        Kind::One,
        "Proxies of your own before the server that add to X-Forwarded-For [default: 0]",
    ),
    setting(
        "address-rate",
        "N",
        Kind::One,
        "Requests a second of one address, four times as many at once; 0 for any number [default: 50]",
    ),
    setting(
        "wallet-rate",
        "N",
        Kind::One,
        "Signed requests a second of one wallet or SLH-DSA key, four times as many at once; 0 for any number [default: 20]",
    ),
    setting(
        "verification-rate",
        "N",
        Kind::One,
        "SLH-DSA verifications a second that one address asks for, four times as many at once; 0 for any number [default: 5]",
    ),
    setting(
        "backup-rate",
        "N",
        Kind::One,
        "Backups that one SLH-DSA key uploads in an hour; 0 for any number [default: 60]",
    ),
    setting(
        "backup-quota",
        "SIZE",
        Kind::One,
        "What the backups of one SLH-DSA key may have together; 0 for any amount [default: 16MiB]",
    ),
    setting("backup-versions", "N", Kind::One, "Versions of a backup that are kept [default: 5]"),
    setting(
        "anonymous-quota",
        "SIZE",
        Kind::One,
        "What one address may store unsigned, or as backups, in a day; 0 for any amount [default: 256MiB]",
    ),
    setting(
        "anonymous-lifetime",
        "TIME",
        Kind::One,
        "How long a secret lives at most that was stored unsigned, such as 30d [default: for ever]",
    ),
    setting("max-body", "SIZE", Kind::One, "Bytes of a request's body at most [default: 2MiB]"),
    setting("max-bodies", "SIZE", Kind::One, "Bytes of all bodies in memory at most [default: 256MiB]"),
    setting("max-active", "N", Kind::One, "Requests worked on at the same time [default: 256]"),
    setting(
        "max-waiting",
        "N",
        Kind::One,
        "Requests that wait for their turn; more are answered 503 [default: 1024]",
    ),
    setting("max-connections", "N", Kind::One, "Connections at most [default: 8192]"),
    setting(
        "max-connections-per-address",
        "N",
        Kind::One,
        "Connections of one address at most, unless there are trusted hops [default: 1024]",
    ),
];

/// The flags as they were given, and which file to read.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) config: Option<OsString>,
    pub(crate) values: BTreeMap<&'static str, Vec<OsString>>,
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(OsString))
            .help("Settings, as TOML [default: strongroom.toml, where it is there]");
        let command = command.arg(config);
        SETTINGS.iter().fold(command, |command, setting| {
            let arg = Arg::new(setting.name)
                .long(setting.name)
                .help(setting.help)
                .value_parser(clap::value_parser!(OsString))
                .action(if setting.kind == Kind::Many { ArgAction::Append } else { ArgAction::Set });
            match setting.kind {
                Kind::Switch => command.arg(
                    arg.num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("true")
                        .value_name("true|false"),
                ),
                Kind::Secret(file) => {
                    let file = Arg::new(file)
                        .long(file)
                        .value_name("FILE")
                        .value_parser(clap::value_parser!(OsString))
                        .help(format!("The file that holds what --{} says", setting.name));
                    command.arg(arg.value_name(setting.value)).arg(file)
                }
                _ => command.arg(arg.value_name(setting.value)),
            }
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let config = matches.get_one::<OsString>("config").cloned();
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            for name in std::iter::once(setting.name).chain(setting.file()) {
                if let Some(given) = matches.get_many::<OsString>(name) {
                    values.insert(name, given.cloned().collect());
                }
            }
        }
        Ok(Self { config, values })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every setting that the files of deploy/ and its pages name is one, with a value or without.
    #[test]
    fn what_is_deployed_is_set_by_settings_that_there_are() {
        let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let read = |path: &str| std::fs::read_to_string(format!("{top}/{path}")).expect("a file");
        let mut named = 0;
        let mut check = |name: &str, has_value: bool, file: &str| {
            let setting = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = setting.unwrap_or_else(|| panic!("{file}: {name} is no setting"));
            assert_eq!(setting.kind == Kind::Switch, !has_value, "{file}: {name}");
            named += 1;
        };
        let compose = read("deploy/dstack-compose.yaml");
        for flag in compose.lines().filter_map(|line| line.trim().strip_prefix("- --")) {
            let (name, value) =
                flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            check(name, value.is_some(), "dstack-compose.yaml");
        }
        for page in ["on-dstack", "on-nitro", "on-sev-snp", "on-tdx", "without-a-tee"] {
            let file = format!("docs/how-to/deploy-{page}.md");
            let page = read(&file);
            for toml in page.split("```toml").skip(1) {
                let toml = toml.split("```").next().expect("a block");
                let table: toml::Table = toml.replace("\n   ", "\n").parse().expect("TOML");
                table
                    .iter()
                    .for_each(|(name, value)| check(&name.replace('_', "-"), !value.is_bool(), &file));
            }
        }
        let unit = read("deploy/strongroom.service");
        let start = unit.lines().find(|line| line.starts_with("ExecStart=")).expect("a command");
        for name in
            start.split(' ').filter_map(|word| word.strip_prefix("--")).filter(|name| *name != "config")
        {
            check(name, true, "strongroom.service");
        }
        assert!(named >= 12, "{named}");
    }

    /// The table of docs/reference/settings.md is this one; `UPDATE_GOLDEN=1` writes it there.
    #[test]
    fn the_page_of_settings_has_every_setting() {
        const BEGIN: &str = "with UPDATE_GOLDEN=1 -->\n";
        const END: &str = "<!-- end -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/settings.md");
        let page = std::fs::read_to_string(path).expect("docs/reference/settings.md");
        let (before, rest) = page.split_once(BEGIN).expect("a mark");
        let (table, after) = rest.split_once(END).expect("a mark");
        let mut expected = "| setting | |\n| --- | --- |\n".to_owned();
        for setting in SETTINGS {
            let value = if setting.value.is_empty() { String::new() } else { format!(" {}", setting.value) };
            expected.push_str(&format!("| `--{}{value}` | {} |\n", setting.name, setting.help));
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("written");
            return;
        }
        assert!(table == expected, "the settings changed: run this test with UPDATE_GOLDEN=1");
    }
}
