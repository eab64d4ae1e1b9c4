//! How urgent a thread is to the system.

/// As `nice` counts: 0 is ordinary, 19 yields to everyone.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets other threads go first, this process's own above all. For good: going back needs a privilege.
///
/// On Linux priority is a thread's. Elsewhere it is a process's, and readings would be held back with the
/// forecast: there nothing is done.
pub(super) fn lower() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let lowered =
            getpriority_process(None).and_then(|now| setpriority_process(None, now.max(NICE)));
        if let Err(error) = lowered {
            tracing::debug!(%error, "the forecast runs at ordinary priority");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn only_this_thread_is_less_urgent() {
        let before = getpriority_process(None).unwrap();
        let lowered = std::thread::spawn(|| {
            lower();
            getpriority_process(None).unwrap()
        });
        assert_eq!(lowered.join().unwrap(), before.max(NICE));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
