//! The CPU time of a process. The load generator shares the machine's cores with the server, so a rate by the clock says
//! as much about the one as about the other; what the server's own threads have used says only what a request costs.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::Failed;

/// What `/proc/<pid>/stat` counts in: Linux tells programs 100 ticks a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);

/// Work that was counted.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    done: u64,
    wall: Duration,
    cpu: Duration,
}

impl Measured {
    /// By the clock.
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// For each second of CPU time: what one core does that does nothing else.
    pub fn per_core(&self) -> f64 {
        self.done as f64 / self.cpu.as_secs_f64().max(TICK.as_secs_f64())
    }
}

/// Counts what `work` gets done, and the CPU time that the process `pid` uses meanwhile, all threads.
pub async fn measure(pid: u32, work: impl Future<Output = Result<u64, Failed>>) -> Result<Measured, Failed> {
    let (cpu, wall) = (used(pid)?, Instant::now());
    let done = work.await?;
    Ok(Measured { done, wall: wall.elapsed(), cpu: used(pid)?.saturating_sub(cpu) })
}

/// The same for work of this process, done on this thread, again and again for `length`.
pub fn repeat(length: Duration, mut work: impl FnMut() -> Result<(), Failed>) -> Result<Measured, Failed> {
    let (cpu, wall) = (used(std::process::id())?, Instant::now());
    let mut done = 0;
    while wall.elapsed() < length {
        work()?;
        done += 1;
    }
    Ok(Measured { done, wall: wall.elapsed(), cpu: used(std::process::id())?.saturating_sub(cpu) })
}

/// In user and kernel mode, of all threads, those that have ended among them.
fn used(pid: u32) -> Result<Duration, Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    ticks(&stat).map(|ticks| TICK * ticks).ok_or_else(|| format!("/proc/{pid}/stat cannot be read").into())
}

/// `utime` and `stime`, the 14th and 15th fields (proc_pid_stat(5)); the 2nd, the name, may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    next()?.checked_add(next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "7 (a b) (c) S 1 7 7 0 -1 4194560 900 0 0 0 31 11 0 0 20 0 4 0 100 200 300";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1 7"), None);
    }

    #[test]
    fn work_costs_cpu_time_and_waiting_does_not() {
        let busy = repeat(Duration::from_millis(200), || Ok(())).unwrap();
        assert!(busy.done > 1_000 && busy.wall >= Duration::from_millis(200), "{busy:?}");
        let rates = Measured { done: 10, wall: Duration::from_secs(5), cpu: Duration::from_secs(2) };
        assert_eq!((rates.per_second(), rates.per_core()), (2.0, 5.0));
    }
}
