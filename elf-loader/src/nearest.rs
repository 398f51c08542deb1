//! Names near one that was not found, in messages.

/// What is said of them, to be put behind a message: nothing when there are none.
pub(crate) fn said(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; the nearest name is {one}"),
        names => format!("; the nearest names are {}", names.join(", ")),
    }
}
