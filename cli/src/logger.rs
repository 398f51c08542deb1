//! What the libraries log, on standard error: warnings, with `-v` what is done, with `-vv` how.

use log::{LevelFilter, Log, Metadata, Record};

use crate::output::{Style, printable};

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            eprintln!("{}: {}", Style::stderr().bold(&level), printable(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Begins to log.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // There is one already only if this was called before.
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(level);
    }
}
