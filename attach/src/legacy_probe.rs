//! Probes made through tracefs's `kprobe_events` and `uprobe_events`: for kernels without the kprobe and uprobe PMUs
//! (before 4.17), and by choice.
//!
//! Such a probe belongs to no descriptor. It is a line in a file, becomes a tracepoint of the group `purebpf`, and stays
//! until the line is taken back; what a killed process leaves behind is found there under `purebpf_PID_…`.

use crate::{
    advice::tracefs_advice,
    error::{Error, Mechanism, Result},
    tracefs,
};
use std::{
    collections::hash_map::RandomState,
    fs::OpenOptions,
    hash::{BuildHasher, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// The group of all our probes: a folder of tracefs's `events`.
pub(crate) const GROUP: &str = "purebpf";
/// MAX_EVENT_NAME_LEN of the kernel, with its terminating zero.
const MAX_EVENT_NAME_LEN: usize = 64;
/// How often a name that exists already is tried anew.
const ATTEMPTS: u32 = 16;

/// A probe in tracefs, removed on drop.
#[derive(Debug)]
pub(crate) struct LegacyProbe {
    events: PathBuf,
    name: String,
    removed: bool,
}

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegacyKind {
    Kprobe,
    Uprobe,
}

impl LegacyKind {
    fn file(self) -> &'static str {
        match self {
            LegacyKind::Kprobe => "kprobe_events",
            LegacyKind::Uprobe => "uprobe_events",
        }
    }

    fn mechanism(self) -> Mechanism {
        match self {
            LegacyKind::Kprobe => Mechanism::Kprobe,
            LegacyKind::Uprobe => Mechanism::Uprobe,
        }
    }
}

impl LegacyProbe {
    /// Adds a probe at `place`: `FUNCTION[+0xOFFSET]` or `PATH:0xOFFSET`.
    pub(crate) fn add(kind: LegacyKind, retprobe: bool, place: &str) -> Result<LegacyProbe> {
        if place.bytes().any(ends_word) {
            return Err(Error::Options {
                mechanism: kind.mechanism(),
                target: place.into(),
                reason: "tracefs takes no name with blanks or '#' in it",
            });
        }
        let events = tracefs::file(kind.file())?;
        let mut attempt = 0;
        loop {
            let name = event_name(place);
            let line = format!("{}:{GROUP}/{name} {place}\n", if retprobe { 'r' } else { 'p' });
            match append(&events, &line) {
                Ok(()) => return Ok(LegacyProbe { events, name, removed: false }),
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) && attempt < ATTEMPTS => attempt += 1,
                Err(source) => return Err(refusal(kind, place, &events, source)),
            }
        }
    }

    /// The tracepoint that the probe became.
    pub(crate) fn tracepoint_id(&self) -> Result<u64> {
        tracefs::tracepoint_id(GROUP, &self.name)
    }

    /// Takes the probe back. EBUSY while an event on it is open.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.take_back().map_err(|source| Error::file(&self.events, source))
    }

    /// Leaves the probe where it is.
    pub(crate) fn forget(mut self) {
        self.removed = true;
    }

    fn take_back(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.removed, true) {
            return Ok(());
        }
        append(&self.events, &format!("-:{GROUP}/{}\n", self.name))
    }
}

impl Drop for LegacyProbe {
    fn drop(&mut self) {
        // A pinned link keeps the event open, and with it the probe: then there is nothing to be done here.
        let _ = self.take_back();
    }
}

/// Whether a byte ends a word of tracefs's lines, so that what follows would be taken for arguments of the probe or for a
/// comment: what the kernel's `isspace` takes for a blank (of Latin-1, so that bytes of UTF-8 are among them), and `#`.
fn ends_word(byte: u8) -> bool {
    matches!(byte, 0 | 9..=13 | b' ' | 0xa0 | b'#')
}

/// `purebpf_PID_NONCE_COUNT_PLACE`, as far as it fits, of characters that tracefs takes.
///
/// From 5.5 a second probe of the same name does not fail but joins the first, and both fire and go together. The number of
/// a process is not its own: containers start theirs at 1, and what was killed leaves its probes to the next of its number.
fn event_name(place: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static NONCE: OnceLock<u32> = OnceLock::new();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nonce = NONCE.get_or_init(|| RandomState::new().build_hasher().finish() as u32);
    let place = place.rsplit('/').next().unwrap_or(place);
    let name = format!("{GROUP}_{}_{nonce:08x}_{count}_{place}", process::id());
    name.chars()
        .take(MAX_EVENT_NAME_LEN - 1)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(line.as_bytes())
}

fn refusal(kind: LegacyKind, place: &str, events: &Path, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::ENOENT) if !events.exists() => Error::Unsupported {
            mechanism: kind.mechanism(),
            target: place.into(),
            what: match kind {
                LegacyKind::Kprobe => "this kernel was built without kprobes (CONFIG_KPROBE_EVENTS)".into(),
                LegacyKind::Uprobe => "this kernel was built without uprobes (CONFIG_UPROBE_EVENTS)".into(),
            },
        },
        errno => Error::File {
            path: events.into(),
            advice: errno.map_or_else(String::new, tracefs_advice),
            cause: source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_tracefs_and_differ() {
        let long = format!("/usr/lib/x.so:{}", "a".repeat(100));
        let (first, second) = (event_name(&long), event_name(&long));
        assert_ne!(first, second);
        for name in [first, second, event_name("do_exit+0x0")] {
            assert!(name.len() < MAX_EVENT_NAME_LEN);
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        }
    }

    #[test]
    fn a_place_with_blanks_is_refused() {
        // The last is U+00E0 in UTF-8: c3 a0, whose second byte argv_split takes for a blank.
        for place in ["/a b:0x0", "/a\tb:0x0", "/a\nb:0x0", "/a#b:0x0", "/a\u{b}b:0x0", "/\u{e0}:0x0"] {
            let error = LegacyProbe::add(LegacyKind::Uprobe, false, place).unwrap_err();
            assert!(matches!(error, Error::Options { .. }), "{place:?} {error}");
        }
    }
}
