//! Names with `*` for anything and `?` for any one byte.

/// Whether a name is one that the pattern means. Each `*` is tried at one place more until the rest fits; only the last one
/// has to be tried again, so that this takes no more steps than both are long, multiplied.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => (p, n) = (p + 1, n + 1),
            _ => match &mut retry {
                Some((after, from)) => {
                    *from += 1;
                    (p, n) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn as_a_shell_has_them() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("task_struct", "task_struct", true),
            ("task_struct", "task_structs", false),
            ("tcp_*", "tcp_sock", true),
            ("tcp_*", "mptcp_sock", false),
            ("*tcp*sock", "mptcp_sock", true),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxbxbxcd", false),
            ("sk_?uff", "sk_buff", true),
            ("sk_?uff", "sk_uff", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
