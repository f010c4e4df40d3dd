//! Where the secret of an access key, and whom it stands for, comes from.
//!
//! A [`KeySource`] is asked at each signed request. Sources stand in a chain ([`KeySources`]): root first, then the
//! keys in the store, then temporary credentials, each of which knows only its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cenote_base::{AccountId, Arn, Fault, Secret, Timestamp};

use crate::AccessKey;

/// What kind of caller a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// The account itself: may do everything.
    Root,
    /// An IAM user.
    User,
    /// A session of an IAM role.
    AssumedRole,
}

/// Whom a signed request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The account that the caller belongs to.
    pub account: AccountId,
    /// The caller's name in policies, messages and audit rows.
    pub arn: Arn,
    /// The key that signed.
    pub access_key_id: String,
    /// What kind of caller it is.
    pub kind: PrincipalKind,
}

/// What a source knows of an access key.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The secret access key.
    pub secret: Secret,
    /// Whom the key stands for.
    pub principal: Principal,
    /// When the key ends, for temporary credentials.
    pub expires: Option<Timestamp>,
}

/// Why a source could not say whether it knows a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySourceError {
    /// What holds the keys is away for now.
    #[error("access keys can't be read: {0}")]
    Unavailable(String),
    /// What holds the keys holds something that can't be.
    #[error("a stored access key is damaged: {0}")]
    Damaged(String),
}

impl KeySourceError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unavailable(_) => Fault::Dependency,
            Self::Damaged(_) => Fault::Cenote,
        }
    }
}

/// The answer of a source, on its way.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Option<FoundKey>, KeySourceError>> + Send + 'a>>;

/// A place that knows access keys.
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// The key of this id. `None` when the source does not know it, and also when the session token is not the key's
    /// own: a temporary key without its token, or a long-term key with any, is no key at all. An expired key is
    /// found.
    fn find<'a>(&'a self, access_key_id: &'a str, session_token: Option<&'a str>) -> Finding<'a>;
}

/// Sources in the order in which they are asked. The first that knows the key answers; one that fails ends the
/// search, for nobody can tell whether it would have known.
#[derive(Clone, Debug, Default)]
pub struct KeySources(Vec<Arc<dyn KeySource>>);

impl KeySources {
    /// Sources to ask in this order.
    pub fn new(sources: Vec<Arc<dyn KeySource>>) -> Self {
        Self(sources)
    }
}

impl KeySource for KeySources {
    fn find<'a>(&'a self, access_key_id: &'a str, session_token: Option<&'a str>) -> Finding<'a> {
        Box::pin(async move {
            for source in &self.0 {
                if let Some(found) = source.find(access_key_id, session_token).await? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }
}

/// The root key of the installation, from the credentials file or the environment.
#[derive(Clone, Debug)]
pub struct RootCredentials {
    key: AccessKey,
    principal: Principal,
}

impl RootCredentials {
    /// Root of `account`, with this key.
    pub fn new(key: AccessKey, account: AccountId) -> Result<Self, cenote_base::InvalidId> {
        let principal = Principal {
            arn: format!("arn:aws:iam::{account}:root").parse()?,
            account,
            access_key_id: key.id().to_owned(),
            kind: PrincipalKind::Root,
        };
        Ok(Self { key, principal })
    }

    /// Root as a caller.
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl KeySource for RootCredentials {
    fn find<'a>(&'a self, access_key_id: &'a str, session_token: Option<&'a str>) -> Finding<'a> {
        let ours = access_key_id == self.key.id() && session_token.is_none();
        let found = ours.then(|| FoundKey {
            secret: self.key.secret().clone(),
            principal: self.principal.clone(),
            expires: None,
        });
        Box::pin(std::future::ready(Ok(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken;

    impl KeySource for Broken {
        fn find<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Finding<'a> {
            Box::pin(std::future::ready(Err(KeySourceError::Unavailable("the database is away".to_owned()))))
        }
    }

    fn root(id: &str) -> RootCredentials {
        let key = AccessKey::new(id, "0123456789abcdef".into()).unwrap();
        RootCredentials::new(key, "123456789012".parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn root_is_found_by_its_id_and_without_a_token_only() {
        let root = root("AKIDROOT");
        let found = root.find("AKIDROOT", None).await.unwrap().unwrap();
        assert_eq!(found.principal.arn.as_str(), "arn:aws:iam::123456789012:root");
        assert_eq!((found.principal.kind, found.secret.expose()), (PrincipalKind::Root, "0123456789abcdef"));
        assert!(root.find("AKIDROOT", Some("token")).await.unwrap().is_none());
        assert!(root.find("AKIDROOT", Some("")).await.unwrap().is_none());
        assert!(root.find("akidroot", None).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_chain_asks_in_order_and_stops_at_a_failure() {
        let chain = KeySources::new(vec![Arc::new(root("FIRST")), Arc::new(root("SECOND")), Arc::new(Broken)]);
        for id in ["FIRST", "SECOND"] {
            assert_eq!(chain.find(id, None).await.unwrap().unwrap().principal.access_key_id, id);
        }
        let error = chain.find("THIRD", None).await.unwrap_err();
        assert_eq!(error.to_string(), "access keys can't be read: the database is away");
        assert_eq!(error.fault(), Fault::Dependency);
        assert!(KeySources::default().find("FIRST", None).await.unwrap().is_none());
    }
}
