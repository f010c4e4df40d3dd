//! The canonical request: the one text of a request over which both sides compute the signature.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::SignedRequest;
use super::query::{self, Pair};

/// What goes into the canonical request beside the headers; computed once, for the signature may be tried with more
/// than one host.
pub(super) struct Canonical<'a> {
    request: SignedRequest<'a>,
    path: String,
    query: String,
    /// Lower case, sorted, each once.
    signed_headers: Vec<String>,
    payload_hash: String,
}

impl<'a> Canonical<'a> {
    /// `signed_headers` in any order and case.
    pub(super) fn new(request: SignedRequest<'a>, pairs: &[Pair], signed_headers: &[String]) -> Self {
        let mut names: Vec<String> = signed_headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        Self {
            request,
            path: path(request.path),
            query: query::canonical(pairs),
            signed_headers: names,
            payload_hash: sha256_hex(request.body),
        }
    }

    /// The body's SHA-256 in hexadecimal.
    pub(super) fn payload_hash(&self) -> &str {
        &self.payload_hash
    }

    /// `host;x-amz-date`.
    pub(super) fn signed_headers(&self) -> String {
        self.signed_headers.join(";")
    }

    /// The canonical request; with `host`, as if the request had been sent there. A header that was signed but did not
    /// arrive counts as empty.
    pub(super) fn text(&self, host: Option<&str>) -> String {
        let mut headers = String::new();
        for name in &self.signed_headers {
            headers.push_str(name);
            headers.push(':');
            let value = match host {
                Some(host) if name == "host" => Some(Cow::Borrowed(host)),
                _ => self.request.header(name).map(Cow::Owned),
            };
            headers.push_str(&value.unwrap_or_default());
            headers.push('\n');
        }
        let method = self.request.method;
        let (path, query, hash) = (&self.path, &self.query, &self.payload_hash);
        format!("{method}\n{path}\n{query}\n{headers}\n{}\n{hash}", self.signed_headers())
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// Appends a header's value without white space around it and with each run of it as one space.
pub(super) fn push_trimmed(text: &mut String, value: &str) {
    for (number, word) in value.split_ascii_whitespace().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// The path without `.`, `..` and empty segments, encoded once more: services other than S3 sign the encoded path
/// encoded.
fn path(received: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in received.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let mut path = String::from("/");
    path.push_str(&query::encode(segments.join("/").as_bytes(), "/"));
    if received.ends_with('/') && !segments.is_empty() {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_encoded_once_more() {
        for (received, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("*", "/%2A"),
            ("/.", "/"),
            ("/./", "/"),
            ("/./example", "/example"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/../../example", "/example"),
            ("//example//", "/example/"),
            ("/a/b/..", "/a"),
            ("/example space/", "/example%20space/"),
            ("/a%20b", "/a%2520b"),
            ("/-._~0Az", "/-._~0Az"),
            ("/\u{1234}", "/%E1%88%B4"),
        ] {
            assert_eq!(path(received), canonical, "{received}");
        }
    }

    #[test]
    fn the_canonical_request_is_the_one_of_the_developer_guide() {
        let headers = [
            ("host", "example.amazonaws.com"),
            ("my-header1", "  a   b\tc "),
            ("x-amz-date", "20150830T123600Z"),
            ("my-header1", "d"),
        ];
        let request = SignedRequest { method: "GET", path: "/", query: Some("b=2&a=1"), headers: &headers, body: b"" };
        let names = ["X-Amz-Date", "host", "my-header1", "host", "absent"].map(str::to_owned);
        let canonical = Canonical::new(request, &query::pairs(request.query), &names);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            canonical.text(None),
            format!(
                "GET\n/\na=1&b=2\n\
                 absent:\nhost:example.amazonaws.com\nmy-header1:a b c,d\nx-amz-date:20150830T123600Z\n\n\
                 absent;host;my-header1;x-amz-date\n{empty}"
            )
        );
        assert!(canonical.text(Some("elsewhere:1")).contains("\nhost:elsewhere:1\n"));
        assert_eq!(canonical.payload_hash(), empty);
    }
}
