//! Times since boot, as the kernel counts them, on the clock of the wall.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::time::{ClockId, clock_gettime};

/// When something happened that the kernel says was `nanoseconds` after boot, sleep included (CLOCK_BOOTTIME).
pub(crate) fn wall_clock(nanoseconds: u64) -> Timestamp {
    at(ClockId::Boottime, nanoseconds)
}

/// The same for times of which sleep is no part (CLOCK_MONOTONIC, `bpf_ktime_get_ns`).
pub(crate) fn wall_clock_of_monotonic(nanoseconds: u64) -> Timestamp {
    at(ClockId::Monotonic, nanoseconds)
}

fn at(clock: ClockId, nanoseconds: u64) -> Timestamp {
    let nanos = |clock| {
        let time = clock_gettime(clock);
        i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
    };
    let wall = nanos(ClockId::Realtime) - nanos(clock) + i128::from(nanoseconds);
    Timestamp::from_nanosecond(wall).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// As bpftool prints it: `2026-11-24T13:21:36+0000`, in the local time zone.
pub(crate) fn text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%FT%T%z").to_string()
}

/// The time of day in the local time zone, with microseconds.
pub(crate) fn time_of_day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.6f").to_string()
}
