//! Load, relocate and attach compiled BPF objects.
