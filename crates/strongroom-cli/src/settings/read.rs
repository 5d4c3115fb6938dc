//! Reading settings from their three places.

use super::table::{Flags, Kind, SETTINGS, Setting};
use crate::files;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

const DEFAULT_FILE: &str = "strongroom.toml";
const PREFIX: &str = "STRONGROOM_";

/// Everything that is wrong with the settings.
#[derive(Debug)]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

impl Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} mistakes in the settings:", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

impl std::error::Error for Mistakes {}

/// A setting's values as text, and where they were set.
struct Found {
    texts: Vec<String>,
    from: String,
}

/// Reads one setting after another, and collects the mistakes.
pub(super) struct Reader<'a> {
    flags: &'a Flags,
    file: BTreeMap<String, Found>,
    mistakes: Vec<String>,
    shown: Vec<(&'static str, String, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(flags: &'a Flags) -> Self {
        let mut reader = Self { flags, file: BTreeMap::new(), mistakes: Vec::new(), shown: Vec::new() };
        reader.read_file();
        reader
    }

    pub(super) fn mistake(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// A setting that has one value.
    pub(super) fn one<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        self.parsed(name, |text| text.parse().map_err(|error: T::Err| error.to_string())).pop()
    }

    /// A setting that has any number of values.
    pub(super) fn many<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Vec<T> {
        self.parsed(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// A setting that is a number within bounds.
    pub(super) fn bounded(&mut self, name: &'static str, bounds: RangeInclusive<usize>) -> Option<usize> {
        let expected = format!("a number from {} to {} is expected", bounds.start(), bounds.end());
        self.parsed(name, |text| {
            text.parse().ok().filter(|n| bounds.contains(n)).ok_or_else(|| expected.clone())
        })
        .pop()
    }

    /// A setting that is a number of bytes, with `KiB`, `MiB`, `GiB` or no unit.
    pub(super) fn size(&mut self, name: &'static str) -> Option<u64> {
        const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
        self.parsed(name, |text| {
            with_unit(text, &UNITS).ok_or_else(|| "a size such as 2MiB is expected".to_owned())
        })
        .pop()
    }

    /// A setting that is a time: a number with `s`, `m`, `h` or `d`.
    pub(super) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
        // At most a hundred years, so the present plus this time can still be written.
        let parse = |text: &str| with_unit(text, &UNITS).filter(|s| (1..=36_500 * 86_400).contains(s));
        self.parsed(name, |text| {
            parse(text).ok_or_else(|| "a time such as 30d or 12h is expected".to_owned())
        })
        .pop()
        .map(Duration::from_secs)
    }

    /// Variables with our prefix that name no setting. They are not mistakes, since other programs
    /// may use them.
    pub(super) fn unknown_variables() -> Vec<String> {
        let known = |name: &str| {
            name == "config"
                || SETTINGS.iter().any(|setting| setting.name == name || setting.file() == Some(name))
        };
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let ours = names.filter(|name| {
            name.strip_prefix(PREFIX).is_some_and(|name| !known(&name.replace('_', "-").to_lowercase()))
        });
        ours.collect()
    }

    /// Whether the setting is set in any place.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.shown.iter().any(|(shown, ..)| *shown == name)
    }

    /// Whether a flag sets the setting.
    pub(super) fn is_flag(&self, name: &str) -> bool {
        self.flags.values.contains_key(name)
    }

    /// What was set, and where, unless something is wrong.
    pub(super) fn finish(self) -> Result<Vec<(&'static str, String, String)>, Mistakes> {
        if self.mistakes.is_empty() { Ok(self.shown) } else { Err(Mistakes(self.mistakes)) }
    }

    fn parsed<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("it is in the table");
        let Some(found) = self.find(setting) else { return Vec::new() };
        let Found { texts, from } = found;
        // An empty value does not ask for the default: more likely, a value was not passed on.
        if setting.kind != Kind::Many && texts.is_empty() || texts.iter().any(String::is_empty) {
            self.mistake(format!("{name}: {from} is set and empty"));
            return Vec::new();
        }
        let secret = setting.file().is_some();
        let shown = if secret { "(not shown)".to_owned() } else { texts.join(", ") };
        self.shown.push((name, shown, from.clone()));
        if texts.len() > 1 && setting.kind != Kind::Many {
            self.mistake(format!("{name}: {from} has several values"));
        }
        let mut values = Vec::new();
        for text in texts {
            match parse(&text) {
                Ok(value) => values.push(value),
                Err(error) if secret => self.mistake(format!("{name}: {error} ({from})")),
                Err(error) => self.mistake(format!("{name}: {text:?}: {error} ({from})")),
            }
        }
        values
    }

    /// Finds a setting in the first of the three places that has it.
    fn find(&mut self, setting: &Setting) -> Option<Found> {
        let in_flags = |name: &str| self.flags.values.get(name).cloned();
        if let Some(found) = self.in_place(setting, "--", in_flags, |name| name.to_owned()) {
            return Some(found);
        }
        let variable = |name: &str| format!("{PREFIX}{}", name.replace('-', "_").to_uppercase());
        let many = setting.kind == Kind::Many;
        let in_environment = |name: &str| {
            let value = std::env::var_os(variable(name))?;
            Some(match value.to_str().filter(|list| many && !list.trim().is_empty()) {
                Some(list) => {
                    list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(OsString::from).collect()
                }
                None => vec![value],
            })
        };
        if let Some(found) = self.in_place(setting, "", in_environment, variable) {
            return Some(found);
        }
        let own = self.file.remove(setting.name);
        match (own, setting.file().and_then(|file| self.file.remove(file))) {
            (Some(_), Some(file)) => {
                self.mistake(format!("{0}: {1} sets it and {0}-file", setting.name, file.from));
                None
            }
            (Some(own), None) => Some(own),
            (None, Some(Found { texts, from })) => {
                let path = OsString::from(texts.first()?);
                self.secret_of(setting, &path, &from)
            }
            (None, None) => None,
        }
    }

    fn in_place(
        &mut self,
        setting: &Setting,
        mark: &str,
        values: impl Fn(&str) -> Option<Vec<OsString>>,
        called: impl Fn(&str) -> String,
    ) -> Option<Found> {
        let from = format!("{mark}{}", called(setting.name));
        let file = setting.file().and_then(|file| Some((format!("{mark}{}", called(file)), values(file)?)));
        match (values(setting.name), file) {
            (Some(_), Some((file, _))) => {
                self.mistake(format!("{from} and {file} are both set"));
                None
            }
            (Some(values), None) => {
                let texts: Result<Vec<String>, _> = values.into_iter().map(OsString::into_string).collect();
                match texts {
                    Ok(texts) => Some(Found { texts, from }),
                    Err(_) => {
                        self.mistake(format!("{from} is not text"));
                        None
                    }
                }
            }
            (None, Some((file, places))) => self.secret_of(setting, places.last()?, &file),
            (None, None) => None,
        }
    }

    fn secret_of(&mut self, setting: &Setting, path: &OsStr, from: &str) -> Option<Found> {
        let read = files::read(Some(Path::new(path)));
        let text = read.map(|bytes| std::str::from_utf8(&bytes).map(|text| text.trim().to_owned()));
        match text {
            Ok(Ok(text)) => Some(Found { texts: vec![text], from: from.to_owned() }),
            Ok(Err(_)) => {
                self.mistake(format!("{}: the file of {from} is not text", setting.name));
                None
            }
            Err(error) => {
                self.mistake(format!("{}: {from}: {error:#}", setting.name));
                None
            }
        }
    }

    fn read_file(&mut self) {
        let named = self.flags.config.clone().or_else(|| std::env::var_os(format!("{PREFIX}CONFIG")));
        let path = match &named {
            Some(path) => Path::new(path),
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.mistake(format!("{}: {error}", path.display())),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            // The error gives only the place, and does not repeat the text, which may hold a
            // password.
            Err(error) => {
                let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                let (file, message) = (path.display(), error.message());
                return self
                    .mistake(format!("{file}: TOML parse error at line {line}, column {column}: {message}"));
            }
        };
        for (key, value) in table {
            let from = format!("{} in {}", key, path.display());
            let name = key.replace('_', "-");
            let known =
                SETTINGS.iter().any(|setting| setting.name == name || setting.file() == Some(name.as_str()));
            if !known || key.contains('-') {
                let meant = nearest(&name.to_lowercase())
                    .map(|name| format!(": is {name} meant?"))
                    .unwrap_or_default();
                self.mistake(format!("{from} is not known{meant}"));
                continue;
            }
            match texts_of(value) {
                Some(texts) => drop(self.file.insert(name, Found { texts, from })),
                None => {
                    self.mistake(format!("{from} is not a text, a number, true, false, or a list of those"));
                }
            }
        }
    }
}

fn texts_of(value: toml::Value) -> Option<Vec<String>> {
    let text = |value| match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    };
    match value {
        toml::Value::Array(values) => values.into_iter().map(text).collect(),
        other => Some(vec![text(other)?]),
    }
}

/// The setting that an unknown name resembles: the one that shares most letters with it, at the
/// beginning and the end.
fn nearest(name: &str) -> Option<String> {
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let reverse = |text: &str| text.chars().rev().collect::<String>();
    let shared =
        |setting: &Setting| common(setting.name, name) + common(&reverse(setting.name), &reverse(name));
    let best = SETTINGS.iter().max_by_key(|setting| shared(setting))?;
    (2 * shared(best) >= name.len()).then(|| best.name.replace('-', "_"))
}

/// Parses a whole number that is followed by one of these units.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let (_, factor) = units.iter().find(|(unit, _)| *unit == text[digits.len()..].trim_start())?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        let units = [("KiB", 1024), ("", 1)];
        assert_eq!(with_unit("12", &units), Some(12));
        assert_eq!(with_unit("2KiB", &units), Some(2048));
        assert_eq!(with_unit("2 KiB", &units), Some(2048));
        for text in
            ["", "KiB", "-1", "1.5KiB", "2kb", "99999999999999999999", "18446744073709551615KiB", "1 2"]
        {
            assert_eq!(with_unit(text, &units), None, "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_setting() {
        assert_eq!(nearest("lisen").as_deref(), Some("listen"));
        assert_eq!(nearest("trustet-hops").as_deref(), Some("trusted_hops"));
        assert_eq!(nearest("umbrella"), None);
    }
}
