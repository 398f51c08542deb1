//! What BPF programs include: the C headers <bpf/bpf_helpers.h> and its neighbours.
