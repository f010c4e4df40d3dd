//! Whose fault an error is. That alone decides its log level, its metric and whether it is a 5xx.

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller sent something wrong: logged at `info`, answered with the exact reason.
    Caller,
    /// Something that Cenote depends on is away or full (database, disk, mail server): logged at `warn`, may be tried again.
    Dependency,
    /// Cenote itself is wrong: logged at `error` with the request id, answered without detail.
    Cenote,
}
