//! The `purebpf` tool.
fn main() {}
