//! Making connections, and whether the server is one that can be used.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Config, SslMode};

use super::errors;
use super::tls::{self, Tls};
use crate::{OpenError, StoreConfig};

/// The oldest version that the tests run against.
const OLDEST_SERVER: i64 = 15;

/// A pool that has not connected yet.
pub(super) fn pool(url: &str, config: &StoreConfig) -> Result<Pool, OpenError> {
    let parts = tls::parts(url);
    let mut postgres = Config::from_str(&parts.url).map_err(|error| OpenError::Url(errors::text(&error)))?;
    if postgres.get_application_name().is_none() {
        postgres.application_name("cenote");
    }
    postgres.connect_timeout(config.connect_timeout);
    // A server that vanished without a word is noticed in half a minute, not after the kernel's two hours.
    postgres.keepalives_idle(Duration::from_secs(15)).keepalives_interval(Duration::from_secs(5)).keepalives_retries(3);
    if postgres.get_tcp_user_timeout().is_none() {
        postgres.tcp_user_timeout(Duration::from_secs(30));
    }
    let session = session_settings(config);
    let hook = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let session = session.clone();
        Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
    });
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if postgres.get_ssl_mode() == SslMode::Require {
        Manager::from_config(postgres, Tls::new(&parts)?, recycling)
    } else if parts.authorities.is_some() {
        // Whoever names an authority does not expect an open connection.
        return Err(OpenError::Url("sslrootcert needs sslmode=require".to_owned()));
    } else {
        Manager::from_config(postgres, NoTls, recycling)
    };
    Pool::builder(manager)
        .max_size(config.connections.max(1))
        .wait_timeout(Some(config.wait_timeout))
        .create_timeout(Some(config.connect_timeout))
        .recycle_timeout(Some(config.connect_timeout))
        .runtime(Runtime::Tokio1)
        .post_create(hook)
        .build()
        .map_err(|error| OpenError::Unsuitable(error.to_string()))
}

/// What each connection is told first. A commit that is not on disk must not be acknowledged, whatever the server's
/// default is; the stricter settings (replicas) stay as the operator chose them.
fn session_settings(config: &StoreConfig) -> String {
    let timeout = config.statement_timeout.as_millis();
    format!(
        "set statement_timeout = {timeout}; set idle_in_transaction_session_timeout = {timeout}; \
         set default_transaction_isolation = 'read committed'; set default_transaction_read_only = off; \
         select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
    )
}

/// Refuses a server that cannot keep what Cenote writes, warns of one that may lose it.
pub(super) async fn check(client: &Object) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "select current_setting('server_version_num')::int8, current_setting('server_version'), \
             current_setting('server_encoding'), pg_is_in_recovery(), current_schema()::text, \
             current_setting('fsync'), current_setting('full_page_writes')",
            &[],
        )
        .await
        .map_err(|error| OpenError::Unreachable(errors::text(&error)))?;
    let unsuitable = |error: tokio_postgres::Error| OpenError::Unsuitable(errors::text(&error));
    let text = |index: usize| row.try_get::<_, Option<String>>(index).map_err(unsuitable);
    let number: i64 = row.try_get(0).map_err(unsuitable)?;
    if number / 10_000 < OLDEST_SERVER {
        let version = text(1)?.unwrap_or_default();
        return Err(OpenError::Unsuitable(format!("it is version {version}, {OLDEST_SERVER} or newer is needed")));
    }
    let encoding = text(2)?.unwrap_or_default();
    if encoding != "UTF8" {
        return Err(OpenError::Unsuitable(format!("its database is encoded in {encoding}, UTF8 is needed")));
    }
    if row.try_get(3).map_err(unsuitable)? {
        return Err(OpenError::Unsuitable("it is a read-only replica".to_owned()));
    }
    if text(4)?.is_none() {
        return Err(OpenError::Unsuitable("the search path names no schema that exists".to_owned()));
    }
    for (index, setting) in [(5, "fsync"), (6, "full_page_writes")] {
        if text(index)?.as_deref() == Some("off") {
            tracing::warn!(setting, "PostgreSQL may lose acknowledged writes: this setting is off");
        }
    }
    Ok(())
}
