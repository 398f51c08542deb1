//! Perf events that the caller opens: here, the page faults of the testing thread.

use crate::support::{Adds, Counting, is_since, kernel, skipped};
use purebpf_attach::{Error, PerfEventOptions, attach_perf_event};
use purebpf_sys::{
    perf_event::{PerfEvent, PerfType, enable, software},
    uapi::ProgType,
};
use std::os::fd::{AsFd, OwnedFd};

const PAGES: usize = 64;

/// Touches each of so many new pages once.
fn faults() {
    let len = PAGES * 4096;
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, written to within its length, and unmapped with nothing left that points into it.
    unsafe {
        let pages = libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0);
        assert_ne!(pages, libc::MAP_FAILED);
        libc::madvise(pages, len, libc::MADV_NOHUGEPAGE);
        for page in 0..PAGES {
            pages.cast::<u8>().add(page * 4096).write_volatile(1);
        }
        libc::munmap(pages, len);
    }
}

/// One sample a fault of this thread; `None` where such events may not be opened.
fn event() -> Option<OwnedFd> {
    let event = PerfEvent::new(PerfType::SOFTWARE, software::PAGE_FAULTS).sample_period(1).pid(0).cpu(-1).disabled();
    match event.open() {
        Ok(event) => Some(event),
        Err(error) => {
            skipped(error);
            None
        }
    }
}

#[test]
fn perf_event_fires() {
    let Some(_kernel) = kernel() else { return };
    for force_ioctl in [false, true] {
        let Some(event) = event() else { return };
        let counting = Counting::load(ProgType::PERF_EVENT, Adds::One, 0);
        let options = PerfEventOptions::default().force_ioctl(force_ioctl);
        let link = attach_perf_event(counting.prog.as_fd(), event, &options).unwrap();
        assert_eq!(link.is_kernel_link(), !force_ioctl && is_since(5, 15));
        // What the test does besides may fault too.
        let seen = counting.during(faults);
        assert!((PAGES as u64..2 * PAGES as u64).contains(&seen), "{seen}");
        drop(link);
        assert_eq!(counting.during(faults), 0);
    }
}

#[test]
fn an_event_is_enabled_by_the_caller_who_says_so() {
    let Some(_kernel) = kernel() else { return };
    let Some(event) = event() else { return };
    let counting = Counting::load(ProgType::PERF_EVENT, Adds::One, 0);
    let caller = event.try_clone().unwrap();
    let link = attach_perf_event(counting.prog.as_fd(), event, &PerfEventOptions::default().dont_enable(true)).unwrap();
    assert_eq!(counting.during(faults), 0);
    enable(caller.as_fd()).unwrap();
    assert!(counting.during(faults) >= PAGES as u64);
    drop(caller);
    assert!(counting.during(faults) >= PAGES as u64, "the link keeps the event");
    drop(link);
    assert_eq!(counting.during(faults), 0);
}

#[test]
fn an_event_takes_no_program_of_another_type_and_no_second_one() {
    let Some(_kernel) = kernel() else { return };
    let (Some(first), Some(second)) = (event(), event()) else { return };
    let counting = Counting::load(ProgType::TRACEPOINT, Adds::One, 0);
    let error = attach_perf_event(counting.prog.as_fd(), first, &PerfEventOptions::default()).unwrap_err();
    assert!(error.to_string().contains("not of the type"), "{error}");
    let counting = Counting::load(ProgType::PERF_EVENT, Adds::One, 0);
    let again = second.try_clone().unwrap();
    let _link = attach_perf_event(counting.prog.as_fd(), second, &PerfEventOptions::default()).unwrap();
    let error = attach_perf_event(counting.prog.as_fd(), again, &PerfEventOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::Attach { .. }) && error.errno() == libc::EEXIST, "{error}");
}
