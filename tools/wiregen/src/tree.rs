//! The generated files on disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Relative path → text.
pub type Files = BTreeMap<PathBuf, String>;

/// Writes the files, and removes generated files that are no longer made.
pub fn write(out: &Path, files: &Files) -> Result<String, Error> {
    for (path, text) in files {
        let path = out.join(path);
        let failed = |error| Error::File { path: path.clone(), error };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&path, text).map_err(failed)?;
    }
    for path in present(out)? {
        if !files.contains_key(&path) {
            let path = out.join(path);
            fs::remove_file(&path).map_err(|error| Error::File { path, error })?;
        }
    }
    Ok(format!("wrote {} files", files.len()))
}

/// Compares the files with what is on disk.
pub fn compare(out: &Path, files: &Files) -> Result<String, Error> {
    let mut differing = Vec::new();
    for (path, text) in files {
        let same = fs::read_to_string(out.join(path)).is_ok_and(|found| found == *text);
        if !same {
            differing.push(path.display().to_string());
        }
    }
    let superfluous = present(out)?.into_iter().filter(|path| !files.contains_key(path));
    differing.extend(superfluous.map(|path| path.display().to_string()));
    if differing.is_empty() {
        Ok(format!("{} generated files are up to date", files.len()))
    } else {
        Err(Error::Stale(differing.join(", ")))
    }
}

/// The files in a folder and its sub-folders.
fn present(out: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = out.join(&folder);
        let failed = |error| Error::File { path: path.clone(), error };
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let relative = folder.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(relative);
            } else {
                found.push(relative);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_missing_and_a_superfluous_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let file = |name: &str, text: &str| (PathBuf::from(name), text.to_owned());
        let files: Files = [file("a.rs", "1"), file("b/c.rs", "2")].into();
        write(out, &files).unwrap();
        assert_eq!(compare(out, &files).unwrap(), "2 generated files are up to date");
        fs::write(out.join("a.rs"), "changed").unwrap();
        fs::remove_file(out.join("b/c.rs")).unwrap();
        fs::write(out.join("b/old.rs"), "").unwrap();
        let error = compare(out, &files).unwrap_err().to_string();
        assert!(error.contains("a.rs, b/c.rs, b/old.rs"), "{error}");
        write(out, &files).unwrap();
        assert!(compare(out, &files).is_ok());
        assert!(!out.join("b/old.rs").exists());
    }
}
