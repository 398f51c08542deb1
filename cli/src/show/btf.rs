//! BTF objects, with the programs and maps that refer to them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use purebpf::sys::id::ObjectKind;
use purebpf::sys::info::{self, BtfInfo, btf_info};
use serde_json::{Value, json};

use super::{Around, Shown, fd_by_id, is_gone};
use crate::output::printable;
use crate::{Result, advised};

pub(super) struct Btf {
    info: BtfInfo,
}

/// Ids of programs and maps by the BTF they refer to, in rising order.
#[derive(Default)]
pub(super) struct Users {
    progs: HashMap<u32, Vec<u32>>,
    maps: HashMap<u32, Vec<u32>>,
}

/// The objects of a kind by the BTF they refer to. `btf_id` is 0 for those without.
fn users(
    kind: ObjectKind,
    btf_id: impl Fn(BorrowedFd<'_>) -> purebpf::sys::error::Result<u32>,
) -> Result<HashMap<u32, Vec<u32>>> {
    let mut users: HashMap<u32, Vec<u32>> = HashMap::new();
    for id in kind.ids() {
        let id = id.map_err(|error| advised(&error))?;
        let fd = match fd_by_id(kind, id) {
            Ok(fd) => fd,
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(advised(&error).into()),
        };
        match btf_id(fd.as_fd())? {
            0 => {}
            btf => users.entry(btf).or_default().push(id),
        }
    }
    Ok(users)
}

impl Shown for Btf {
    const KIND: ObjectKind = ObjectKind::Btf;
    const NAME: &'static str = "BTF object";
    type Shared = Users;

    fn shared() -> Result<Users> {
        Ok(Users {
            progs: users(ObjectKind::Prog, |fd| Ok(info::prog_info(fd)?.btf_id))?,
            maps: users(ObjectKind::Map, |fd| Ok(info::map_info(fd)?.btf_id))?,
        })
    }

    fn read(fd: BorrowedFd<'_>) -> Result<Btf, purebpf::sys::Error> {
        Ok(Btf { info: btf_info(fd)? })
    }

    fn has_name(&self, name: &str) -> bool {
        self.info.name == name
    }

    fn id(&self) -> u32 {
        self.info.id
    }

    fn json(&self, around: &Around<'_>, users: &Users) -> Value {
        let ids = |users: &HashMap<u32, Vec<u32>>| json!(users.get(&self.info.id).map_or(&[][..], Vec::as_slice));
        let mut value = json!({
            "id": self.info.id,
            "size": self.info.btf_size,
            "prog_ids": ids(&users.progs),
            "map_ids": ids(&users.maps),
        });
        around.add_holders(&mut value);
        value["kernel"] = json!(self.info.kernel_btf);
        if !self.info.name.is_empty() {
            value["name"] = json!(self.info.name);
        }
        value
    }

    fn text(&self, around: &Around<'_>, users: &Users) -> String {
        let name = printable(&self.info.name);
        let name = match (self.info.kernel_btf, name.is_empty()) {
            (true, _) => format!("[{name}]"),
            (false, false) => name.into_owned(),
            (false, true) => "<anon>".to_owned(),
        };
        let mut text = format!("{}: name {name}  size {}B", self.info.id, self.info.btf_size);
        for (what, users) in [("prog_ids", &users.progs), ("map_ids", &users.maps)] {
            if let Some(ids) = users.get(&self.info.id) {
                let ids: Vec<_> = ids.iter().map(u32::to_string).collect();
                // Writing to a String cannot fail.
                let _ = write!(text, "  {what} {}", ids.join(","));
            }
        }
        text.push_str(&around.holders_text());
        text.push('\n');
        text
    }
}
