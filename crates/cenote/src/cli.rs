//! The command line. Flags follow from the table of settings; everything that is wrong ends in one line on standard
//! error and exit code 2.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use crate::config::{DEFAULT_FILE, FILE_VARIABLE, Kind, SETTINGS, Setting};

/// What the user asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// `cenote serve`
    Serve(Given),
    /// `cenote config check`
    ConfigCheck(Given),
    /// `cenote config reference`
    ConfigReference,
    /// `cenote operations`
    Operations(OperationsFormat),
    /// A text to print on standard output: help or version.
    Print(String),
}

/// What was given on the command line for the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Flags by the key of their setting.
    pub flags: BTreeMap<&'static str, String>,
    /// `--config`
    pub file: Option<PathBuf>,
}

/// How `cenote operations` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationsFormat {
    /// Aligned columns.
    Text,
    /// An array of objects.
    Json,
    /// `docs/compatibility.md`
    Markdown,
}

/// Parses the arguments (program name first). The error is one line.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Invocation, String> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                return Ok(Invocation::Print(error.render().to_string()));
            }
            _ => return Err(one_line(&error)),
        },
    };
    match matches.subcommand() {
        Some(("serve", found)) => Ok(Invocation::Serve(given(found))),
        Some(("config", found)) => match found.subcommand() {
            Some(("check", found)) => Ok(Invocation::ConfigCheck(given(found))),
            Some(("reference", _)) => Ok(Invocation::ConfigReference),
            _ => Err("cenote config needs a command: check or reference".to_owned()),
        },
        Some(("operations", found)) => Ok(Invocation::Operations(match text(found, "format").as_deref() {
            Some("json") => OperationsFormat::Json,
            Some("markdown") => OperationsFormat::Markdown,
            _ => OperationsFormat::Text,
        })),
        _ => Err("a command is needed: serve, config or operations".to_owned()),
    }
}

fn command() -> Command {
    Command::new("cenote")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Amazon Cognito that you run yourself")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(Command::new("serve").about("Start the server")))
        .subcommand(
            Command::new("config")
                .about("Look at the configuration")
                .arg_required_else_help(true)
                .subcommand(with_settings(
                    Command::new("check").about("Print every setting and where it comes from; start nothing"),
                ))
                .subcommand(Command::new("reference").about("Print every setting that there is, as Markdown")),
        )
        .subcommand(
            Command::new("operations").about("List every AWS operation and whether it is implemented").arg(
                Arg::new("format")
                    .long("format")
                    .value_name("FORMAT")
                    .default_value("text")
                    .value_parser(PossibleValuesParser::new(["text", "json", "markdown"])),
            ),
        )
}

fn with_settings(command: Command) -> Command {
    let file =
        Arg::new("config").long("config").value_name("FILE").value_parser(PathBufValueParser::new()).help(format!(
            "The configuration file [variable: {FILE_VARIABLE}] [default: ./{DEFAULT_FILE} if it exists]"
        ));
    let arguments = SETTINGS.iter().filter_map(|setting| Some(argument(setting, setting.flag()?)));
    let secrets: Vec<_> = SETTINGS
        .iter()
        .filter(|setting| setting.kind == Kind::Secret)
        .map(|setting| format!("  {:<30} {}", setting.variable(), setting.help))
        .collect();
    command.arg(file).args(arguments).after_help(format!(
        "Each flag is also a variable and a key of the file: --data-dir, CENOTE_DATA_DIR, data_dir. A flag wins over a \
         variable, a variable over the file.\n\nOnly as variables or in the file, because flags are no place for \
         secrets:\n{}",
        secrets.join("\n")
    ))
}

fn argument(setting: &Setting, flag: String) -> Arg {
    let default = setting.default.filter(|text| !text.is_empty() && setting.kind != Kind::Switch);
    let help = default.map_or_else(|| setting.help.to_owned(), |text| format!("{} [default: {text}]", setting.help));
    let argument = Arg::new(setting.key).long(flag).help(help);
    match setting.kind {
        Kind::Value(name) | Kind::Url(name) if setting.key == "outbox" => {
            // `--outbox` alone is what the error about missing delivery tells people to write.
            argument.value_name(name).num_args(0..=1).require_equals(true).default_missing_value("true")
        }
        Kind::Value(name) | Kind::Url(name) => argument.value_name(name).allow_hyphen_values(true),
        Kind::Switch | Kind::Secret => {
            argument.value_name("true|false").num_args(0..=1).require_equals(true).default_missing_value("true")
        }
    }
}

fn given(matches: &ArgMatches) -> Given {
    let flags = SETTINGS
        .iter()
        .filter(|setting| setting.flag().is_some())
        .filter_map(|setting| Some((setting.key, text(matches, setting.key)?)))
        .collect();
    Given { flags, file: matches.get_one::<PathBuf>("config").cloned() }
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

/// clap explains over several lines; a log of a failed start should show one.
fn one_line(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let first = rendered.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let suggestion = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            Some(ContextValue::Strings(texts)) => texts.first().cloned(),
            _ => None,
        });
    match suggestion {
        Some(suggestion) => format!("{first} (did you mean {suggestion}?)"),
        None => format!("{first} (see cenote --help)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Invocation, String> {
        parse(line.split(' ').map(Into::into))
    }

    fn flags(line: &str) -> Vec<(&'static str, String)> {
        match run(line).unwrap() {
            Invocation::Serve(given) | Invocation::ConfigCheck(given) => given.flags.into_iter().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_keys() {
        let given = flags("cenote serve --data-dir /d --listen=[::1]:1 --strict-region --outbox --max-connections 7");
        let expected = [
            ("data_dir", "/d"),
            ("listen", "[::1]:1"),
            ("max_connections", "7"),
            ("outbox", "true"),
            ("strict_region", "true"),
        ];
        assert_eq!(given, expected.map(|(key, text)| (key, text.to_owned())));
        assert_eq!(flags("cenote config check --strict-region=false"), [("strict_region", "false".to_owned())]);
        assert_eq!(flags("cenote serve"), []);
    }

    #[test]
    fn every_setting_but_secrets_has_a_flag() {
        for setting in SETTINGS {
            let flag = setting.key.replace('_', "-");
            let result = run(&format!("cenote serve --{flag}=x"));
            assert_eq!(result.is_ok(), setting.kind != Kind::Secret, "{flag}: {result:?}");
        }
    }

    #[test]
    fn mistakes_are_one_line_that_names_the_flag() {
        for (line, contains) in [
            ("cenote serve --lisen 127.0.0.1:1", "'--lisen' found (did you mean --listen?)"),
            ("cenote serve --quite-another", "'--quite-another'"),
            ("cenote serve --listen", "--listen"),
            ("cenote serve extra", "'extra'"),
            ("cenote serv", "(did you mean serve?)"),
            ("cenote operations --format xml", "'xml'"),
            ("cenote serve --listen a --listen b", "--listen"),
            ("cenote serve --master-key hunter2", "'--master-key'"),
        ] {
            let error = run(line).unwrap_err();
            assert!(error.contains(contains) && error.lines().count() == 1, "{line}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn help_and_version_are_printed() {
        let Ok(Invocation::Print(version)) = run("cenote --version") else { panic!() };
        assert_eq!(version.trim(), format!("cenote {}", env!("CARGO_PKG_VERSION")));
        let Ok(Invocation::Print(help)) = run("cenote serve --help") else { panic!() };
        for name in ["--data-dir", "CENOTE_MASTER_KEY", "[default: 127.0.0.1:9400]"] {
            assert!(help.contains(name), "{help}");
        }
        assert!(matches!(run("cenote"), Ok(Invocation::Print(_))));
    }

    #[test]
    fn formats() {
        assert_eq!(run("cenote config reference"), Ok(Invocation::ConfigReference));
        assert_eq!(run("cenote operations"), Ok(Invocation::Operations(OperationsFormat::Text)));
        assert_eq!(run("cenote operations --format json"), Ok(Invocation::Operations(OperationsFormat::Json)));
    }
}
