//! Every mechanism on the running kernel, as root: attached, the event made to happen and seen, detached, silent.
//!
//! The programs are assembled by hand and count their runs on the testing thread. Without the rights, or on a kernel
//! without the feature, a test prints `skipped: why` and passes; what a kernel must have by its version, it must have.

#[path = "../../../tests/common/leaks.rs"]
mod leaks;

mod freplace;
mod kprobes;
mod links;
mod net;
mod perf_events;
mod sockets;
mod support;
mod tracepoints;
mod tracing;
mod uprobes;
