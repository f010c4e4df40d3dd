//! Pages for people: small, whole in one answer, without scripts, and closed to everybody else.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// The stylesheet; [`POLICY`] allows this text and no other.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;\
font:1rem/1.5 system-ui,sans-serif;background:#f2f3f3;color:#16191f}\
main{box-sizing:border-box;width:min(28rem,calc(100vw - 2rem));margin:1rem;padding:2rem;background:#fff;\
border:1px solid #d5dbdb;border-radius:.75rem;overflow-wrap:anywhere}\
h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.3}\
p{margin:0}\
@media(prefers-color-scheme:dark){body{background:#0f141a;color:#d1d5db}\
main{background:#1a2029;border-color:#414d5c}h1{color:#fff}}";

/// Nothing is loaded, sent or framed; the style is the page's own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-Eyh9fpsYS3LKgqNRQ0g8Kb+F86IBv/uI0OSIONrym0w='; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// What no page may be without: its address may hold a code, so no cache keeps it and no other server learns of it.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (CONTENT_SECURITY_POLICY, POLICY),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
];

/// A page with a heading and a sentence or two. Both are escaped.
pub fn page(status: StatusCode, heading: &str, text: &str) -> Response<Body> {
    let (heading, text) = (escape(heading), escape(text));
    let mut html = String::with_capacity(STYLE.len() + 512);
    // Writing into a string cannot fail.
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{heading}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n"
    );
    with_headers(status, Body::from(html))
}

/// The headers of a page without the page.
pub fn head(status: StatusCode) -> Response<Body> {
    with_headers(status, Body::empty())
}

fn with_headers(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().extend(HEADERS);
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use http_body_util::BodyExt;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_style() {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        assert!(POLICY.to_str().unwrap().contains(&format!("style-src 'sha256-{hash}';")), "it is {hash}");
    }

    #[tokio::test]
    async fn what_is_written_is_text() {
        let response = page(StatusCode::OK, "<h1>&", "\"'<script>alert(1)</script>");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("<title>&lt;h1&gt;&amp;</title>"), "{body}");
        assert!(body.contains("<p>&quot;&#39;&lt;script&gt;alert(1)&lt;/script&gt;</p>"), "{body}");
    }
}
