//! Every command on the running kernel, as root. Without the rights, or on a kernel without the feature, a test prints
//! `skipped: why` and passes; what a kernel must have by its version, it must have.

#[path = "../../../tests/common/delegation.rs"]
mod delegation;
#[path = "../../../tests/common/leaks.rs"]
mod leaks;

mod kernel_btf;
mod links;
mod maps;
mod objects;
mod perf;
mod probes;
mod progs;
mod refusals;
mod support;
mod tokens;
mod tracing;
