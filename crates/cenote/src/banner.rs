//! What a start prints on standard output.

use std::net::SocketAddr;
use std::path::Path;

use cenote_base::Region;

use crate::config::PublicUrl;

/// What the text is made of.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// How clients reach the server.
    pub public_url: &'a PublicUrl,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The region of new resources.
    pub region: &'a Region,
    /// The data directory.
    pub data_dir: &'a Path,
    /// The file of the root credentials, if there is one.
    pub credentials: Option<&'a Path>,
    /// The file of the master key, if it was made just now.
    pub new_master_key: Option<&'a Path>,
    /// Where messages are written, if they are.
    pub outbox: Option<&'a Path>,
}

impl Banner<'_> {
    /// The one line of every start.
    pub fn line(&self) -> String {
        format!("Cenote {} answers on {} (listening on {})\n", env!("CARGO_PKG_VERSION"), self.public_url, self.listen)
    }

    /// The text of the first start: how to go on from here.
    pub fn welcome(&self) -> String {
        let mut text = self.line();
        text.push_str(&format!("\nIts data is in {}\n", self.data_dir.display()));
        if let Some(outbox) = self.outbox {
            text.push_str(&format!("E-mails and SMS messages are written to {}\n", outbox.display()));
        }
        if let Some(key) = self.new_master_key {
            text.push_str(&format!("Keep a copy of {}: without it the data cannot be read\n", key.display()));
        }
        text.push_str("\nTo point the AWS CLI and SDKs here:\n\n");
        text.push_str(&format!("  export AWS_ENDPOINT_URL={}\n", self.public_url));
        if let Some(credentials) = self.credentials {
            text.push_str(&format!("  export AWS_SHARED_CREDENTIALS_FILE={}\n", quoted(credentials)));
        }
        text.push_str(&format!("  export AWS_REGION={0} AWS_DEFAULT_REGION={0}\n\n", self.region));
        text.push_str("  aws cognito-idp create-user-pool --pool-name my-first-pool\n\n");
        text
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_says_how_to_go_on() {
        let (url, region) = (PublicUrl::localhost(9400), "eu-west-1".parse().unwrap());
        let banner = Banner {
            public_url: &url,
            listen: "127.0.0.1:9400".parse().unwrap(),
            region: &region,
            data_dir: Path::new("/srv/my data"),
            credentials: Some(Path::new("/srv/my data/credentials")),
            new_master_key: Some(Path::new("/srv/my data/master.key")),
            outbox: Some(Path::new("/srv/my data/outbox")),
        };
        insta::assert_snapshot!(banner.welcome().replace(env!("CARGO_PKG_VERSION"), "VERSION"));
        assert_eq!(banner.line().lines().count(), 1);
    }

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(quoted(Path::new("/srv/cenote-data/credentials")), "/srv/cenote-data/credentials");
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }
}
