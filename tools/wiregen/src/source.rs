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
    /// The file, relative to botocore's `data` folder; one of Cenote's own relative to `models`.
    pub file: String,
    /// The file's hash, in hex.
    pub sha256: String,
    /// The release of botocore that the file comes from; none for a model of Cenote's own.
    pub botocore: Option<String>,
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

/// Reads a pinned model from botocore's `data` folder or from `own`; a file of another hash is refused.
pub fn model(botocore: &Path, own: &Path, pin: &Pin) -> Result<Model, Error> {
    let path = if pin.botocore.is_some() { botocore } else { own }.join(&pin.file);
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

    fn pin(file: &str, sha256: String, botocore: Option<&str>) -> Pin {
        let example = || "example".to_owned();
        let botocore = botocore.map(str::to_owned);
        Pin { name: example(), module: example(), variant: example(), file: file.to_owned(), sha256, botocore }
    }

    #[test]
    fn plain_and_gzipped_models_are_read_and_changed_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzipped, MODEL.as_bytes()).unwrap();
        let packed = gzipped.finish().unwrap();
        for (file, bytes) in [("plain.json", MODEL.as_bytes()), ("packed.json.gz", &packed)] {
            std::fs::write(folder.path().join(file), bytes).unwrap();
            let hash = hex::encode(Sha256::digest(bytes));
            let read = model(folder.path(), elsewhere.path(), &pin(file, hash.clone(), Some("0"))).unwrap();
            assert_eq!(read.metadata.target_prefix, "Example");
            assert!(model(elsewhere.path(), folder.path(), &pin(file, hash.clone(), None)).is_ok());
            let error = model(folder.path(), elsewhere.path(), &pin(file, "00".to_owned(), Some("0"))).unwrap_err();
            assert!(error.to_string().ends_with(&format!("sha256 is {hash}, pinned is 00")), "{error}");
        }
        let missing = model(folder.path(), elsewhere.path(), &pin("none", String::new(), None));
        assert!(matches!(missing, Err(Error::File { .. })));
    }
}
