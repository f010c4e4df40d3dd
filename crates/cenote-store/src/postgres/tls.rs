//! TLS to PostgreSQL, and the parts of the URL that the driver does not know.
//!
//! `sslmode=require` here means what libpq calls `verify-full`: encrypted, and with a certificate for the host's name
//! that a known authority signed. Encryption towards an unknown peer would keep out only those who merely listen.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::OpenError;

/// A URL whose `sslrootcert` is taken out and whose `sslmode` is one that the driver knows.
pub(super) struct Parts {
    /// For the driver.
    pub(super) url: String,
    /// The authorities to trust in place of the public ones.
    pub(super) authorities: Option<PathBuf>,
}

/// Takes the URL apart.
pub(super) fn parts(url: &str) -> Parts {
    let Some((base, query)) = url.split_once('?') else {
        return Parts { url: url.to_owned(), authorities: None };
    };
    let mut authorities = None;
    let mut kept: Vec<&str> = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslrootcert", file)) => authorities = Some(PathBuf::from(decoded(file))),
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(parameter),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    Parts { url: format!("{base}{separator}{}", kept.join("&")), authorities }
}

/// `%2F` → `/`; what is no such escape stays.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.split_at_checked(2)).flatten().and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = escaped.unwrap_or((*first, after));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Makes TLS connections.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the authorities in the file, or the public ones.
    pub(super) fn new(parts: &Parts) -> Result<Self, OpenError> {
        let mut roots = RootCertStore::empty();
        match &parts.authorities {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(file) => {
                let failed = |error: &dyn std::fmt::Display| {
                    OpenError::Url(format!("sslrootcert {} cannot be read: {error}", file.display()))
                };
                for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
                    let certificate = certificate.map_err(|error| failed(&error))?;
                    roots.add(certificate).map_err(|error| failed(&error))?;
                }
                if roots.is_empty() {
                    return Err(failed(&"it holds no certificate"));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Unsuitable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type TlsConnect = Connect;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, InvalidDnsNameError> {
        Ok(Connect { name: ServerName::try_from(host)?.to_owned(), config: Arc::clone(&self.0) })
    }
}

/// One handshake.
pub(super) struct Connect {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connect {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { TlsConnector::from(self.config).connect(self.name, stream).await.map(Stream) })
    }
}

/// An encrypted stream.
pub(super) struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// The certificate is verified, so binding the password to the channel adds nothing.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_driver_does_not_know_is_taken_out() {
        let of = |url| {
            let parts = parts(url);
            (parts.url, parts.authorities.map(|file| file.to_str().unwrap().to_owned()))
        };
        let same = |url: &str| (url.to_owned(), None);
        assert_eq!(of("postgresql://h/d"), same("postgresql://h/d"));
        assert_eq!(of("postgresql://h/d?sslmode=prefer"), same("postgresql://h/d?sslmode=prefer"));
        assert_eq!(of("postgresql://h/d?a=b&sslmode=verify-full"), same("postgresql://h/d?a=b&sslmode=require"));
        assert_eq!(
            of("postgresql://h/d?sslrootcert=%2Fetc%2fca%20x.pem"),
            ("postgresql://h/d".to_owned(), Some("/etc/ca x.pem".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn decoding_never_fails_and_undoes_encoding(text in ".{0,40}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decoded(&encoded), text.clone());
            let _ = decoded(&text);
        }
    }
}
