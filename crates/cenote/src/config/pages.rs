//! Settings for people to read: those in force, and those that there are.

use super::layers::Layers;
use super::settings::{Kind, SETTINGS};
use super::{DEFAULT_FILE, FILE_VARIABLE, Settings};

/// Each setting in force, its value (of secrets only that they are set) and where it comes from; then the warnings.
pub fn describe(settings: &Settings, layers: &Layers) -> String {
    let rows = layers.describe();
    let width = |column: fn(&(&'static str, String, String)) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (key_width, value_width) = (width(|row| row.0.len()), width(|row| row.1.len()).min(60));
    let mut page: String = rows
        .iter()
        .map(|(key, value, origin)| format!("{key:<key_width$}  {value:<value_width$}  {origin}\n"))
        .collect();
    for warning in &settings.warnings {
        page.push_str(&format!("warning: {warning}\n"));
    }
    page
}

/// `docs/configuration.md`
pub fn reference() -> String {
    let mut page = format!(
        "# Configuration\n\n\
         Each setting is a flag of `cenote serve`, an environment variable and a key of `{DEFAULT_FILE}`. A flag wins over \
         a variable, a variable over the file, the file over the default. The file is the one that `--config` or \
         `{FILE_VARIABLE}` names, else `./{DEFAULT_FILE}` if it exists. Paths are relative to the working directory. \
         An empty variable counts as none. Secrets have no flag, because other users of a machine can read flags.\n\n\
         An unknown key, an unknown `CENOTE_…` variable or a bad value stops the start with one line and exit code 2. \
         `cenote config check` prints every setting and where it comes from, and starts nothing.\n\n\
         This page is written by `cenote config reference`.\n\n\
         | key | flag | variable | default | |\n| --- | --- | --- | --- | --- |\n"
    );
    for setting in SETTINGS {
        let value = match setting.kind {
            Kind::Value(name) | Kind::Url(name) => format!(" {}", name.replace('|', "\\|")),
            Kind::Switch | Kind::Secret => String::new(),
        };
        let flag = setting.flag().map_or_else(|| "none".to_owned(), |flag| format!("`--{flag}`{value}"));
        let default =
            setting.default.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!("`{text}`"));
        page.push_str(&format!(
            "| `{}` | {flag} | `{}` | {default} | {} |\n",
            setting.key,
            setting.variable(),
            setting.help.replace('|', "\\|")
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_in_force_is_shown_without_secrets() {
        let flags = BTreeMap::from([("hashing_passes", "1".to_owned())]);
        let variables = [("CENOTE_DATABASE".into(), "postgres://me:hunter2@db/x".into())];
        let secret = [("CENOTE_SMTP_URL".into(), "smtps://me:hunter2@mail".into())];
        let layers = Layers::collect(flags, variables.into_iter().chain(secret), None, Path::new("/nonexistent"));
        let layers = layers.unwrap();
        let page = describe(&Settings::parse(&layers).unwrap(), &layers);
        assert!(!page.contains("hunter2"), "{page}");
        for line in ["postgres://db/x", "--hashing-passes", "(set)", "warning: hashing_memory_kib"] {
            assert!(page.contains(line), "{page}");
        }
    }

    #[test]
    fn the_reference_names_every_setting() {
        let page = reference();
        for setting in SETTINGS {
            assert!(page.contains(&format!("| `{}` |", setting.key)), "{}", setting.key);
        }
    }
}
