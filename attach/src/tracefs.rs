//! tracefs: where it is mounted, and the tracepoints it lists.

use crate::{
    advice::tracefs_advice,
    error::{Error, Result},
    symbols::Nearest,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Where tracefs is found: at its own place (from 4.1), or below debugfs, where it is mounted by being looked at.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The root of the mounted tracefs. Once found it is remembered; until then every call looks again.
///
/// # Errors
///
/// [`Error::TracefsNotMounted`]; [`Error::File`] when it may not be looked at.
pub fn root() -> Result<&'static Path> {
    static ROOT: OnceLock<&'static Path> = OnceLock::new();
    if let Some(root) = ROOT.get() {
        return Ok(root);
    }
    let found = find_root(&PLACES.map(Path::new))?;
    Ok(ROOT.get_or_init(|| found))
}

fn find_root<'p>(places: &[&'p Path]) -> Result<&'p Path> {
    let mut refused = None;
    for place in places {
        let events = place.join("events");
        match fs::metadata(&events) {
            Ok(_) => return Ok(place),
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                refused.get_or_insert(Error::File {
                    path: events,
                    advice: cause.raw_os_error().map_or_else(String::new, tracefs_advice),
                    cause,
                });
            }
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or(Error::TracefsNotMounted))
}

/// The number by which perf_event_open knows a tracepoint.
///
/// # Errors
///
/// [`Error::NoTracepoint`] with the nearest names; what [`root`] gives; [`Error::File`].
#[doc(alias = "determine_tracepoint_id")]
pub fn tracepoint_id(category: &str, name: &str) -> Result<u64> {
    let events = root()?.join("events");
    if !is_file_name(category) || !is_file_name(name) {
        return Err(Error::NoTracepoint { tracepoint: format!("{category}/{name}"), nearest: Vec::new() });
    }
    let path = events.join(category).join(name).join("id");
    let text = fs::read_to_string(&path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NoTracepoint {
            tracepoint: format!("{category}/{name}"),
            nearest: nearest_events(&events, category, name),
        },
        _ => Error::file(&path, cause),
    })?;
    text.trim().parse().map_err(|_| Error::file(&path, io::Error::new(io::ErrorKind::InvalidData, "not a number")))
}

/// What could have been meant: a tracepoint of this very name in another category, or else the nearest ones.
fn nearest_events(events: &Path, category: &str, name: &str) -> Vec<String> {
    let mut same_name = Vec::new();
    let mut nearest = Nearest::new(&format!("{category}/{name}"));
    for folder in folders(events) {
        for event in folders(&events.join(&folder)) {
            let whole = format!("{folder}/{event}");
            if event == name {
                same_name.push(whole);
            } else {
                nearest.offer(whole.as_bytes());
            }
        }
    }
    if same_name.is_empty() { nearest.into_names() } else { same_name.into_iter().take(3).collect() }
}

/// System calls have events of this category each, but behind all of them are the two tracepoints `sys_enter` and `sys_exit`.
const SYSCALLS: &str = "syscalls";

/// The names that a raw tracepoint may have meant: those of all categories. A probe made through tracefs has an event and no
/// tracepoint, so the very name can be among them, and is none.
pub(crate) fn nearest_names(name: &str) -> Vec<String> {
    let Ok(root) = root() else { return Vec::new() };
    let events = root.join("events");
    if is_file_name(name) && events.join(SYSCALLS).join(name).exists() {
        let behind = if name.starts_with("sys_exit_") { "sys_exit" } else { "sys_enter" };
        return vec![behind.into()];
    }
    let mut nearest = Nearest::new(name);
    for folder in folders(&events).into_iter().filter(|folder| folder != SYSCALLS) {
        for event in folders(&events.join(folder)).into_iter().filter(|event| event != name) {
            nearest.offer(event.as_bytes());
        }
    }
    nearest.into_names()
}

/// The names of the folders in a folder; none where it cannot be read.
fn folders(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Whether a name stays in its folder.
fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// A file below the root, for messages and for writing.
pub(crate) fn file(name: &str) -> Result<PathBuf> {
    Ok(root()?.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_to_mount_when_nothing_is() {
        let error = find_root(&[Path::new("/nonesuch/a"), Path::new("/nonesuch/b")]).unwrap_err();
        assert!(error.to_string().contains("mount -t tracefs"), "{error}");
    }

    #[test]
    fn names_do_not_leave_their_folder() {
        for name in ["", ".", "..", "a/b", "../x", "a\0"] {
            assert!(!is_file_name(name), "{name:?}");
        }
        assert!(is_file_name("sched_switch"));
    }
}
