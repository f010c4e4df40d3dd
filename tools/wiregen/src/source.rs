//! The inputs: pinned service models, plain or gzipped, and the table of resources.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::model::Model;

/// Which model a service comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The service, by its signing name.
    pub name: String,
    /// The Rust module that it becomes.
    pub module: String,
    /// The variant of `cenote_wire::Service`.
    pub variant: String,
    /// The file, relative to the folder of models.
    pub file: String,
    /// The file's hash, in hex.
    pub sha256: String,
    /// The release that the file comes from, for the reader.
    pub botocore: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pins {
    service: Vec<Pin>,
}

/// For each service: file → operations whose shapes it holds.
pub type Resources = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Reads the pins.
pub fn pins(path: &Path) -> Result<Vec<Pin>, Error> {
    Ok(read_toml::<Pins>(path)?.service)
}

/// Reads the table of resources.
pub fn resources(path: &Path) -> Result<Resources, Error> {
    read_toml(path)
}

/// Reads a TOML file.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::File { path: path.to_owned(), error })?;
    toml::from_str(&text).map_err(|error| Error::Syntax { path: path.to_owned(), error: error.to_string() })
}

/// Reads a pinned model; a file of another hash is refused.
pub fn model(folder: &Path, pin: &Pin) -> Result<Model, Error> {
    let path = folder.join(&pin.file);
    let failed = |error| Error::File { path: path.clone(), error };
    let bytes = std::fs::read(&path).map_err(failed)?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found != pin.sha256 {
        return Err(Error::Hash { path, found, pinned: pin.sha256.clone() });
    }
    let text = if pin.file.ends_with(".gz") {
        let mut text = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).map_err(failed)?;
        text
    } else {
        bytes
    };
    serde_json::from_slice(&text).map_err(|error| Error::Syntax { path, error: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = r#"{"metadata":{"protocol":"json","targetPrefix":"Example"},"operations":{},"shapes":{}}"#;

    fn pin(file: &str, sha256: String) -> Pin {
        let text = |text: &str| text.to_owned();
        Pin {
            name: text("example"),
            module: text("example"),
            variant: text("Example"),
            file: text(file),
            sha256,
            botocore: text("0"),
        }
    }

    #[test]
    fn plain_and_gzipped_models_are_read_and_changed_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzipped, MODEL.as_bytes()).unwrap();
        for (file, bytes) in [("plain.json", MODEL.as_bytes().to_vec()), ("packed.json.gz", gzipped.finish().unwrap())]
        {
            std::fs::write(folder.path().join(file), &bytes).unwrap();
            let hash = hex::encode(Sha256::digest(&bytes));
            assert_eq!(model(folder.path(), &pin(file, hash.clone())).unwrap().metadata.target_prefix, "Example");
            let error = model(folder.path(), &pin(file, "00".to_owned())).unwrap_err();
            assert!(error.to_string().ends_with(&format!("sha256 is {hash}, pinned is 00")), "{error}");
        }
        assert!(matches!(model(folder.path(), &pin("none", String::new())), Err(Error::File { .. })));
    }
}
