//! Making and editing BTF: from nothing, or from a copy of one that was parsed.
