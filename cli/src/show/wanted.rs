//! Which objects: bpftool's `[id N | name S | tag T | pinned PATH]` after the command.

use std::path::PathBuf;

use purebpf::sys::id::ObjectKind;

use super::Shown;
use crate::{Result, Usage};

/// Which objects are asked for.
pub(super) enum Wanted {
    All,
    Id(u32),
    Name(String),
    Tag([u8; 8]),
    Pinned(PathBuf),
}

impl Wanted {
    pub(super) fn parse(kind: ObjectKind, words: &[String]) -> Result<Wanted> {
        let [keyword, value] = words else {
            return match words {
                [] => Ok(Wanted::All),
                _ => Err(Usage(grammar(kind)).into()),
            };
        };
        match (keyword.as_str(), kind) {
            ("id", _) => number(value).map(Wanted::Id).ok_or_else(|| Usage("an id is a number").into()),
            ("name", ObjectKind::Prog | ObjectKind::Map | ObjectKind::Btf) => Ok(Wanted::Name(value.clone())),
            ("tag", ObjectKind::Prog) => {
                tag(value).map(Wanted::Tag).ok_or_else(|| Usage("a tag is 16 hexadecimal digits").into())
            }
            ("pinned", ObjectKind::Prog | ObjectKind::Map | ObjectKind::Link) => Ok(Wanted::Pinned(value.into())),
            _ => Err(Usage(grammar(kind)).into()),
        }
    }

    /// Whether an object has the name or the tag, if it is by one of these that it is asked for.
    pub(super) fn fits(&self, object: &impl Shown) -> bool {
        match self {
            Wanted::Name(name) => object.has_name(name),
            Wanted::Tag(tag) => object.has_tag(*tag),
            Wanted::All | Wanted::Id(_) | Wanted::Pinned(_) => true,
        }
    }

    /// For the message that there is none.
    pub(super) fn describe(&self) -> String {
        match self {
            Wanted::All => String::new(),
            Wanted::Id(id) => format!("id {id}"),
            Wanted::Name(name) => format!("the name '{name}'"),
            Wanted::Tag(tag) => format!("the tag {}", hex(tag)),
            Wanted::Pinned(path) => format!("a pin at {}", path.display()),
        }
    }
}

fn grammar(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Prog => "expected nothing, 'id N', 'name NAME', 'tag TAG' or 'pinned PATH'",
        ObjectKind::Map => "expected nothing, 'id N', 'name NAME' or 'pinned PATH'",
        ObjectKind::Btf => "expected nothing, 'id N' or 'name NAME'",
        _ => "expected nothing, 'id N' or 'pinned PATH'",
    }
}

/// As strtoul(3) with base 0 reads one, which is what bpftool takes.
pub(crate) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn tag(text: &str) -> Option<[u8; 8]> {
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(u64::to_be_bytes)
}

/// Bytes as hexadecimal digits, the first byte first.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{hex, number, tag};

    #[test]
    fn numbers_and_tags() {
        assert_eq!((number("17"), number("0x1F"), number("-1"), number("x")), (Some(17), Some(31), None, None));
        assert_eq!(tag("d5479b8a16ff5497").map(|tag| hex(&tag)).as_deref(), Some("d5479b8a16ff5497"));
        assert_eq!((tag("d5479b8a16ff549"), tag("+5479b8a16ff5497")), (None, None));
    }
}
