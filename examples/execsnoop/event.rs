//! What `execsnoop.bpf.c` sends: the types of `execsnoop.h`, and how they are shown.

use std::time::{Duration, SystemTime};

use purebpf::bytemuck::{self, AnyBitPattern};
use serde_json::{Value, json};

/// `enum event_kind`.
const EVENT_EXEC: u32 = 1;
const EVENT_EXIT: u32 = 2;

/// `struct event_header`.
#[derive(Clone, Copy, AnyBitPattern)]
#[repr(C)]
struct Header {
    kind: u32,
    pid: u32,
    ppid: u32,
    uid: u32,
    timestamp_ns: u64,
    comm: [u8; 16],
    filename: [u8; 256],
}

/// `struct exec_event` up to its arguments.
#[derive(Clone, Copy, AnyBitPattern)]
#[repr(C)]
struct Exec {
    header: Header,
    args_len: u32,
    args_total: u32,
}

/// `struct exit_event`.
#[derive(Clone, Copy, AnyBitPattern)]
#[repr(C)]
struct Exit {
    header: Header,
    duration_ns: u64,
    wait_status: u32,
    reserved: u32,
}

/// An event as it came.
pub(crate) struct Event<'a> {
    header: Header,
    what: What<'a>,
}

enum What<'a> {
    /// A program was executed, with these arguments (each with a NUL behind it) out of so many bytes.
    Exec { args: &'a [u8], total: u32 },
    /// The process ended.
    Exit { duration: Duration, wait_status: u32 },
}

impl<'a> Event<'a> {
    /// Reads a record; `None` when it is none of ours.
    pub(crate) fn parse(record: &'a [u8]) -> Option<Event<'a>> {
        let kind = u32::from_ne_bytes(record.get(..4)?.try_into().ok()?);
        match kind {
            EVENT_EXEC => {
                let (head, args) = record.split_at_checked(size_of::<Exec>())?;
                let exec: Exec = bytemuck::pod_read_unaligned(head);
                let args = args.get(..exec.args_len as usize)?;
                Some(Event { header: exec.header, what: What::Exec { args, total: exec.args_total } })
            }
            EVENT_EXIT => {
                let exit: Exit = bytemuck::pod_read_unaligned(record.get(..size_of::<Exit>())?);
                let duration = Duration::from_nanos(exit.duration_ns);
                Some(Event { header: exit.header, what: What::Exit { duration, wait_status: exit.wait_status } })
            }
            _ => None,
        }
    }

    /// A line of the table.
    pub(crate) fn to_line(&self, clock: &Clock) -> String {
        let header = &self.header;
        let (what, rest) = match &self.what {
            What::Exec { args, total } => {
                let more = if (args.len() as u32) < *total { " ..." } else { "" };
                ("exec", format!("{} {}{more}", text(&header.filename), arguments(args).collect::<Vec<_>>().join(" ")))
            }
            What::Exit { duration, wait_status } => {
                let end = match signal(*wait_status) {
                    Some(signal) => format!("signal {signal}"),
                    None => format!("code {}", exit_code(*wait_status)),
                };
                ("exit", format!("{:.3} s, {end}", duration.as_secs_f64()))
            }
        };
        format!(
            "{:<12} {what:<4} {:>7} {:>7} {:>6} {:<16} {}",
            clock.time_of_day(header.timestamp_ns),
            header.pid,
            header.ppid,
            header.uid,
            text(&header.comm),
            printable(&rest)
        )
    }

    /// The event as a JSON object.
    pub(crate) fn to_json(&self, clock: &Clock) -> Value {
        let header = &self.header;
        let mut value = json!({
            "event": match self.what {
                What::Exec { .. } => "exec",
                What::Exit { .. } => "exit",
            },
            "time": clock.timestamp(header.timestamp_ns),
            "pid": header.pid,
            "ppid": header.ppid,
            "uid": header.uid,
            "comm": text(&header.comm),
            "filename": text(&header.filename),
        });
        match &self.what {
            What::Exec { args, total } => {
                value["args"] = arguments(args).collect();
                value["args_truncated"] = json!((args.len() as u32) < *total);
            }
            What::Exit { duration, wait_status } => {
                value["duration_ns"] = json!(duration.as_nanos() as u64);
                value["exit_code"] = match signal(*wait_status) {
                    Some(_) => Value::Null,
                    None => json!(exit_code(*wait_status)),
                };
                value["signal"] = json!(signal(*wait_status));
            }
        }
        value
    }
}

/// The signal that ended a process, if one did: WTERMSIG of wait(2).
fn signal(wait_status: u32) -> Option<u32> {
    Some(wait_status & 0x7f).filter(|&signal| signal != 0)
}

/// What a process gave to exit(2): WEXITSTATUS of wait(2).
fn exit_code(wait_status: u32) -> u32 {
    wait_status >> 8 & 0xff
}

/// A C string in an array.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Arguments, each with a NUL behind it (the last may be cut off).
fn arguments(bytes: &[u8]) -> impl Iterator<Item = String> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let none = bytes.is_empty();
    bytes.split(|&b| b == 0).filter(move |_| !none).map(|argument| String::from_utf8_lossy(argument).into_owned())
}

/// What is not to reach a terminal as it stands, escaped.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Turns the kernel's CLOCK_MONOTONIC into the time of day.
pub(crate) struct Clock {
    /// The time of day at which CLOCK_MONOTONIC was 0.
    zero: SystemTime,
}

impl Clock {
    pub(crate) fn now() -> Clock {
        let monotonic = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let since_zero = Duration::new(monotonic.tv_sec.unsigned_abs(), monotonic.tv_nsec as u32);
        Clock { zero: SystemTime::now() - since_zero }
    }

    fn zoned(&self, timestamp_ns: u64) -> jiff::Zoned {
        let time = self.zero + Duration::from_nanos(timestamp_ns);
        let timestamp = jiff::Timestamp::try_from(time).unwrap_or_default();
        timestamp.to_zoned(jiff::tz::TimeZone::system())
    }

    fn time_of_day(&self, timestamp_ns: u64) -> String {
        self.zoned(timestamp_ns).strftime("%H:%M:%S.%3f").to_string()
    }

    fn timestamp(&self, timestamp_ns: u64) -> String {
        self.zoned(timestamp_ns).timestamp().to_string()
    }
}
