//! The table of settings, and the flags that follow from it.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// A setting. It is given as `--name`, as `STRONGROOM_NAME` in the environment, or as `name` in
/// `strongroom.toml`, with `_` for `-` in the last two.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// The name of its value in help texts; empty for a switch.
    pub(crate) value: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

/// How a setting is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value.
    One,
    /// Any number of values: a flag is repeated, the file has a list, and the environment has
    /// commas.
    Many,
    /// True or false; true if it is given without a value.
    Switch,
    /// One value that is secret. It can also be in a file, which is named by the setting of this
    /// name.
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
        "The directory of root and store; it is made if it is missing, and one server uses it at a time [default: strongroom-data]",
    ),
    setting(
        "root-file",
        "FILE",
        Kind::One,
        "The file of the sealed root, if it is not in the data directory, such as for several servers",
    ),
    setting(
        "root-sealer",
        "NAME",
        Kind::One,
        "The sealer of the root: dstack, sev-snp, pkcs11, passphrase, plain (in the clear, for development), memory (not kept: it is lost when the process ends), or auto: a passphrase or token that is named, else the platform's key, else memory in a TEE and plain outside [default: auto]",
    ),
    setting(
        "root-passphrase-file",
        "FILE",
        Kind::One,
        "Seal the root under the passphrase on the first line of this file",
    ),
    setting(
        "hsm-module",
        "FILE",
        Kind::One,
        "Outside a TEE, seal the root under a key of a PKCS#11 token. This names the module of the token's maker, such as /usr/lib/softhsm/libsofthsm2.so",
    ),
    setting(
        "hsm-key-label",
        "LABEL",
        Kind::One,
        "The label of the token's key, an AES key of 256 bits that cannot leave the token; if a newer key is named, the next start seals the root again under it",
    ),
    setting(
        "hsm-pin-file",
        "FILE",
        Kind::One,
        "The file whose first line is the token's PIN. A wrong PIN is tried once at each start",
    ),
    setting(
        "hsm-token",
        "LABEL",
        Kind::One,
        "The token's label, where the module shows several tokens [default: the only token]",
    ),
    setting(
        "recovery",
        "1:KEY,KEY…",
        Kind::One,
        "The recovery recipients: the holder of any one of these public keys (strongroom-pk-1…) can bring the root back, and the evidence shows them; the value none removes all recipients",
    ),
    setting(
        "recover",
        "",
        Kind::Switch,
        "If there is a store here but no root, wait until a recovery recipient brings it with `strongroom vault recover`; if there is no store, make a new vault",
    ),
    setting(
        "release-key",
        "KEY",
        Kind::One,
        "Hand the root over to other replicas in TEEs whose code this SLH-DSA key (0x and 128 hex digits) signed with `strongroom vault release`",
    ),
    setting(
        "join",
        "URL",
        Kind::One,
        "If there is no root here, ask this replica for it; both share the database",
    ),
    setting(
        "release-statement",
        "FILE",
        Kind::Many,
        "With --join: a statement that the release key signed, for this code, and another for the other replica's code if it differs",
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
        "PEM certificates of the authorities that may vouch for the database [default: the public authorities]",
    ),
    setting("database-connections", "N", Kind::One, "The most connections to the database [default: 16]"),
    setting(
        "public-url",
        "URL",
        Kind::One,
        "The URL that clients use for this server; sign-ins for its host are accepted [default: the listening address]",
    ),
    setting(
        "sign-in-origin",
        "ORIGIN",
        Kind::Many,
        "Accept sign-ins that are made at this origin too, such as a dApp's front end",
    ),
    setting("chain-id", "N", Kind::Many, "Accept only sign-ins of this EIP-155 chain [default: all chains]"),
    setting(
        "cors-origin",
        "ORIGIN",
        Kind::Many,
        "Let pages of this origin call the vault from a browser, or * for all",
    ),
    setting("require-sign-in-to-store", "", Kind::Switch, "Require a sign-in to store"),
    setting(
        "tls-cert",
        "FILE",
        Kind::One,
        "Serve TLS 1.3 with this chain of PEM certificates; SIGHUP reads it again",
    ),
    setting("tls-key", "FILE", Kind::One, "The PEM private key of --tls-cert"),
    setting(
        "tls-in-tee",
        "",
        Kind::Switch,
        "Serve TLS 1.3 with a key that is made here and bound by the evidence, so no proxy outside the TEE can end the TLS",
    ),
    setting(
        "platform",
        "NAME",
        Kind::One,
        "The platform that vouches for this server: dstack, intel-tdx, amd-sev-snp, aws-nitro, none, or auto, which takes the one that is there [default: auto]",
    ),
    setting(
        "dstack-endpoint",
        "ENDPOINT",
        Kind::One,
        "dstack's agent: a socket or http:// URL [default: DSTACK_SIMULATOR_ENDPOINT, or /var/run/dstack.sock and dstack's other paths]",
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
    setting("collateral-file", "FILE", Kind::One, "Relay the collateral in this JSON bundle, and fetch none"),
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
        "The number of your own proxies in front of the server, each of which adds to X-Forwarded-For [default: 0]",
    ),
    setting(
        "address-rate",
        "N",
        Kind::One,
        "Requests a second from one address, and four times as many in a burst; 0 sets no limit [default: 50]",
    ),
    setting(
        "wallet-rate",
        "N",
        Kind::One,
        "Signed requests a second from one wallet or SLH-DSA key, and four times as many in a burst; 0 sets no limit [default: 20]",
    ),
    setting(
        "verification-rate",
        "N",
        Kind::One,
        "SLH-DSA verifications a second for one address, and four times as many in a burst; 0 sets no limit [default: 5]",
    ),
    setting(
        "backup-rate",
        "N",
        Kind::One,
        "Backups that one SLH-DSA key can upload in an hour; 0 sets no limit [default: 60]",
    ),
    setting(
        "backup-quota",
        "SIZE",
        Kind::One,
        "The total size of one SLH-DSA key's backups; 0 sets no limit [default: 16MiB]",
    ),
    setting(
        "backup-versions",
        "N",
        Kind::One,
        "The number of versions of a backup that are kept [default: 5]",
    ),
    setting(
        "anonymous-quota",
        "SIZE",
        Kind::One,
        "The total size that one address can store in a day without a sign-in or as backups; 0 sets no limit [default: 256MiB]",
    ),
    setting(
        "anonymous-lifetime",
        "TIME",
        Kind::One,
        "The longest lifetime of a secret that was stored without a sign-in, such as 30d [default: for ever]",
    ),
    setting("max-body", "SIZE", Kind::One, "The largest body of a request [default: 2MiB]"),
    setting("max-bodies", "SIZE", Kind::One, "The total size of all bodies in memory [default: 256MiB]"),
    setting(
        "max-active",
        "N",
        Kind::One,
        "The most requests that are worked on at the same time [default: 256]",
    ),
    setting(
        "max-waiting",
        "N",
        Kind::One,
        "The most requests that wait for their turn; any more are answered with 503 [default: 1024]",
    ),
    setting("max-connections", "N", Kind::One, "The most connections [default: 8192]"),
    setting(
        "max-connections-per-address",
        "N",
        Kind::One,
        "The most connections from one address; there is no limit with trusted hops [default: 1024]",
    ),
];

/// The flags as they were given, and the settings file that was named.
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
            .help("The settings file, in TOML [default: strongroom.toml, if it exists]");
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
                        .help(format!("The file that holds the value of --{}", setting.name));
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

    /// Every setting that deploy/ and the pages about deployment name is in the table, with a value
    /// or without one.
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

    /// The table of docs/reference/settings.md is written from this one, by `UPDATE_GOLDEN=1`.
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
