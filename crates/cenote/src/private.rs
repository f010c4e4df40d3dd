//! Files that hold secrets: nobody but their owner may read or change them, and their owner is us or root.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Why a file or directory cannot be trusted with a secret. It reads on from the path's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPrivate {
    /// Others may read or write it.
    #[error("is open to other users (its mode is {mode:o}): chmod 600 it")]
    Mode {
        /// Its permissions.
        mode: u32,
    },
    /// Whoever owns it can read and change it.
    #[error("belongs to another user (user id {owner}): chown it to the user that runs cenote")]
    Owner {
        /// Its owner's id.
        owner: u32,
    },
}

/// Refuses a file that is open to others. `found` is of the opened file, not of its name, which may mean another file by
/// then.
pub fn check_file(found: &Metadata) -> Result<(), NotPrivate> {
    check_owner(found)?;
    match found.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => Err(NotPrivate::Mode { mode }),
        _ => Ok(()),
    }
}

/// Refuses what belongs to somebody else than us and root.
pub fn check_owner(found: &Metadata) -> Result<(), NotPrivate> {
    may_own(found.uid(), own_id())
}

fn may_own(owner: u32, us: Option<u32>) -> Result<(), NotPrivate> {
    // Without /proc our own id is not known, and the mode has to do.
    if owner == 0 || us.is_none_or(|us| us == owner) { Ok(()) } else { Err(NotPrivate::Owner { owner }) }
}

/// The user id of this process, as Linux tells it.
fn own_id() -> Option<u32> {
    fs::metadata(Path::new("/proc/self")).ok().map(|found| found.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_us_or_to_root() {
        for (owner, us, trusted) in
            [(0, Some(0), true), (0, Some(7), true), (7, Some(7), true), (7, Some(0), false), (8, Some(7), false)]
        {
            assert_eq!(may_own(owner, us).is_ok(), trusted, "{owner} {us:?}");
        }
        let error = may_own(8, Some(7)).unwrap_err().to_string();
        assert!(error.contains("user id 8") && error.contains("chown"), "{error}");
    }

    #[test]
    fn what_we_made_is_ours() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(own_id(), Some(file.metadata().unwrap().uid()));
        assert_eq!(check_owner(&file.metadata().unwrap()), Ok(()));
    }
}
