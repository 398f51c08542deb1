//! BPF section names, attach targets, every attach mechanism, and links.
