//! Consumers of BPF ring buffers over a map file descriptor.
