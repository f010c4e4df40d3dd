//! How many connections the operating system lets this process have. Connections must not take the last file
//! descriptors: the database needs some too.

use std::fs;

/// Descriptors that are not for connections: database, outbox, mail server, log.
const KEPT: usize = 128;

/// As many of the wanted connections as there are descriptors for.
pub fn bounded(wanted: usize) -> usize {
    let Some(limit) = fs::read_to_string("/proc/self/limits").ok().and_then(|limits| soft_limit(&limits)) else {
        return wanted;
    };
    let possible = limit.saturating_sub(KEPT).max(limit / 2).max(1);
    if possible < wanted {
        tracing::info!(
            max_connections = possible,
            "the limit of open files (ulimit -n) is {limit}: fewer connections than max_connections are accepted at a time"
        );
    }
    wanted.min(possible)
}

/// The soft limit of open files; `None` where there is none.
fn soft_limit(limits: &str) -> Option<usize> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             95000                95000                processes \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(bounded(1), 1);
    }
}
