//! The ioctls of perf events, and what they refuse.

use crate::support::{Mount, busy_until, counting, kernel, skipped};
use purebpf_sys::{
    info,
    mapping::{Mapping, Protection},
    perf_event::{self as perf, EventFlags, PerfEvent, PerfType, software},
    system::page_size,
    uapi::ProgType,
};
use std::{
    fs::{self, File},
    io::Read,
    os::fd::{AsFd, OwnedFd},
};

/// A clock of this thread's own time, which counts when it is enabled.
fn clock() -> PerfEvent<'static> {
    PerfEvent::new(PerfType::SOFTWARE, software::TASK_CLOCK).pid(0).cpu(-1).disabled()
}

/// The clock opened, unless this machine has no perf events.
fn open(event: &PerfEvent<'_>) -> Option<OwnedFd> {
    event.open().map_err(skipped).ok()
}

fn count(event: &OwnedFd) -> u64 {
    let mut value = [0; 8];
    File::from(event.try_clone().unwrap()).read_exact(&mut value).unwrap();
    u64::from_ne_bytes(value)
}

#[test]
fn counting_is_started_stopped_and_reset() {
    let Some(_kernel) = kernel() else { return };
    let Some(leader) = open(&clock()) else { return };
    let member = clock().group(leader.as_fd()).open().unwrap();
    assert_eq!((count(&leader), count(&member)), (0, 0));
    perf::enable(leader.as_fd()).unwrap();
    assert!(busy_until(|| count(&leader) > 0));
    perf::disable(leader.as_fd()).unwrap();
    assert_eq!(count(&member), 0, "a leader alone");
    perf::reset(leader.as_fd()).unwrap();
    assert_eq!(count(&leader), 0);

    perf::enable_group(leader.as_fd()).unwrap();
    assert!(busy_until(|| count(&leader) > 0 && count(&member) > 0));
    perf::disable_group(leader.as_fd()).unwrap();
    let (first, second) = (count(&leader), count(&member));
    // What the clock of another event shows to have gone by.
    let other = clock().open().unwrap();
    perf::enable(other.as_fd()).unwrap();
    assert!(busy_until(|| count(&other) > 0));
    assert_eq!((count(&leader), count(&member)), (first, second), "both have stopped");
    perf::reset_group(leader.as_fd()).unwrap();
    assert_eq!((count(&leader), count(&member)), (0, 0));

    assert_ne!(perf::event_id(leader.as_fd()).unwrap(), perf::event_id(member.as_fd()).unwrap());
    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let error = perf::enable(prog.unwrap().as_fd()).unwrap_err();
    assert_eq!(error.to_string(), "ioctl(PERF_EVENT_IOC_ENABLE): Inappropriate ioctl for device (ENOTTY)");
}

#[test]
fn samples_have_a_period_and_an_end() {
    let Some(_kernel) = kernel() else { return };
    // What takes no samples has neither.
    let Some(counter) = open(&clock()) else { return };
    assert_eq!(perf::set_period(counter.as_fd(), 1).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(perf::refresh(counter.as_fd(), 1).unwrap_err().errno(), libc::EINVAL);
    let sampling = clock().sample_period(1_000_000).open().unwrap();
    perf::set_period(sampling.as_fd(), 100_000).unwrap();
    assert_eq!(perf::set_period(sampling.as_fd(), 0).unwrap_err().errno(), libc::EINVAL);
    perf::refresh(sampling.as_fd(), 1).unwrap();
}

#[test]
fn rings_are_shared_and_paused() {
    let Some(_kernel) = kernel() else { return };
    let sampling = clock().sample_period(1_000_000).flags(EventFlags::EXCLUDE_HV);
    let Some(first) = open(&sampling) else { return };
    let second = sampling.open().unwrap();
    assert_eq!(perf::pause_output(first.as_fd(), true).unwrap_err().errno(), libc::EINVAL, "without a ring");
    let _ring = Mapping::new(first.as_fd(), 0, 2 * page_size(), Protection::ReadWrite).unwrap();
    perf::pause_output(first.as_fd(), true).unwrap();
    perf::pause_output(first.as_fd(), false).unwrap();
    perf::set_output(second.as_fd(), Some(first.as_fd())).unwrap();
    perf::set_output(second.as_fd(), None).unwrap();
    let own = perf::set_output(second.as_fd(), Some(second.as_fd())).unwrap_err();
    assert_eq!(own.errno(), libc::EINVAL);
}

#[test]
fn tracepoints_are_filtered_and_tell_their_programs() {
    let Some(_kernel) = kernel() else { return };
    let Some(clock) = open(&clock()) else { return };
    assert_eq!(perf::query_bpf(clock.as_fd()).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(perf::set_filter(clock.as_fd(), c"pid == 1").unwrap_err().errno(), libc::EINVAL);

    let Some(tracefs) = Mount::new("tracefs") else { return };
    let id = match fs::read_to_string(tracefs.path().join("events/syscalls/sys_enter_getppid/id")) {
        Ok(id) => id.trim().parse().unwrap(),
        Err(error) => return skipped(error),
    };
    let open = || PerfEvent::new(PerfType::TRACEPOINT, id).pid(-1).cpu(0).open().unwrap();
    let event = open();
    assert_eq!(perf::set_filter(event.as_fd(), c"no_such_field == 1").unwrap_err().errno(), libc::EINVAL);
    perf::set_filter(event.as_fd(), c"common_pid == 1").unwrap();
    assert_eq!(perf::set_filter(event.as_fd(), c"common_pid == 2").unwrap_err().errno(), libc::EEXIST);

    assert_eq!(perf::query_bpf(event.as_fd()).unwrap(), []);
    let progs = [(); 2].map(|()| counting(ProgType::TRACEPOINT, 0).1.unwrap());
    let events = [open(), open()];
    for (event, prog) in events.iter().zip(&progs) {
        perf::set_bpf(event.as_fd(), prog.as_fd()).unwrap();
    }
    let ids = progs.each_ref().map(|prog| info::prog_info(prog.as_fd()).unwrap().id);
    assert_eq!(perf::query_bpf(event.as_fd()).unwrap(), ids, "those of all events of the tracepoint");
}

#[test]
fn breakpoints_are_moved() {
    let Some(_kernel) = kernel() else { return };
    const HW_BREAKPOINT_W: u32 = 2;
    static WATCHED: [u64; 2] = [0; 2];
    let Some(clock) = open(&clock()) else { return };
    let at = |index: usize| {
        let address = &raw const WATCHED[index] as u64;
        PerfEvent::breakpoint(HW_BREAKPOINT_W, address, 8).pid(0).cpu(-1).flags(EventFlags::EXCLUDE_KERNEL)
    };
    let refused = perf::modify_attributes(clock.as_fd(), &at(0)).unwrap_err();
    // A type that is not the event's own is refused first, from 5.13 on.
    assert!(matches!(refused.errno(), libc::EOPNOTSUPP | libc::EINVAL), "{refused}");
    let Some(event) = open(&at(0)) else { return };
    perf::modify_attributes(event.as_fd(), &at(1)).unwrap();
    let misaligned = PerfEvent::breakpoint(HW_BREAKPOINT_W, &raw const WATCHED as u64 + 1, 8).pid(0).cpu(-1);
    assert_eq!(perf::modify_attributes(event.as_fd(), &misaligned).unwrap_err().errno(), libc::EINVAL);
}
