//! `/health/live`: the process answers. `/health/ready`: it can also answer requests that need the store.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use super::note::Note;
use super::{Front, answer};

/// Whether somebody asks how the program is.
pub fn is_probe<B>(request: &Request<B>) -> bool {
    matches!(request.uri().path(), "/health/live" | "/health/ready")
}

/// `GET /health/live`
pub async fn live(Extension(note): Extension<Note>) -> Response<Body> {
    note.add(|facts| facts.is_probe = true);
    answer::message(StatusCode::OK, "live")
}

/// `GET /health/ready`
pub async fn ready(State(front): State<Arc<Front>>, Extension(note): Extension<Note>) -> Response<Body> {
    note.add(|facts| facts.is_probe = true);
    match front.readiness.check().await {
        Ok(()) => answer::message(StatusCode::OK, "ready"),
        Err(reason) => {
            // The reason may name hosts and paths: it is for the log, not for whoever asks.
            note.add(|facts| {
                facts.fault = Some(cenote_base::Fault::Dependency);
                facts.detail = Some(reason);
            });
            answer::message(StatusCode::SERVICE_UNAVAILABLE, "not ready")
        }
    }
}
