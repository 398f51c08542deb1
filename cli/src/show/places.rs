//! The places of links that have many: functions of the kernel, places of a binary.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::BorrowedFd;

use purebpf::sys::info::{KprobePlace, LinkKind, UprobePlace, kprobe_multi_places, uprobe_multi_places};
use serde_json::{Value, json};

use crate::output::printable;

/// Where a link's program runs.
pub(super) enum Places {
    Kernel(Vec<(KprobePlace, Option<Symbol>)>),
    Binary(Vec<UprobePlace>),
}

/// A symbol of /proc/kallsyms.
pub(super) struct Symbol {
    name: String,
    module: Option<String>,
}

impl Places {
    /// Of a link of many. Kernels that do not tell them (before 6.6 and 6.8) give none.
    pub(super) fn of(link: BorrowedFd<'_>, kind: &LinkKind) -> Option<Places> {
        match kind {
            LinkKind::KprobeMulti { .. } => {
                let mut places = kprobe_multi_places(link).unwrap_or_default();
                places.sort_unstable_by_key(|place| place.addr);
                let mut symbols = symbols(&places);
                let named = places.into_iter().map(|place| (place, symbols.remove(&place.addr)));
                Some(Places::Kernel(named.collect()))
            }
            LinkKind::UprobeMulti { .. } => Some(Places::Binary(uprobe_multi_places(link).unwrap_or_default())),
            _ => None,
        }
    }

    /// `funcs` of bpftool's JSON.
    pub(super) fn json(&self) -> Value {
        match self {
            Places::Kernel(places) => places
                .iter()
                .map(|(place, symbol)| {
                    json!({
                        "addr": place.addr,
                        "func": symbol.as_ref().map(|symbol| &symbol.name),
                        "module": symbol.as_ref().and_then(|symbol| symbol.module.as_ref()),
                        "cookie": place.cookie,
                    })
                })
                .collect(),
            Places::Binary(places) => places
                .iter()
                .map(|place| {
                    json!({ "offset": place.offset, "ref_ctr_offset": place.ref_ctr_offset, "cookie": place.cookie })
                })
                .collect(),
        }
    }

    /// bpftool's tables.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        match self {
            Places::Kernel(places) if !places.is_empty() => {
                let _ = write!(text, "\n\t{:<16} {:<16} func [module]", "addr", "cookie");
                for (place, symbol) in places {
                    let name = symbol.as_ref().map_or_else(|| "?".into(), |symbol| printable(&symbol.name));
                    let _ = write!(text, "\n\t{:016x} {:<16x} {name}", place.addr, place.cookie);
                    let _ = match symbol.as_ref().and_then(|symbol| symbol.module.as_ref()) {
                        Some(module) => write!(text, " [{}]  ", printable(module)),
                        None => write!(text, "  "),
                    };
                }
            }
            Places::Binary(places) if !places.is_empty() => {
                let _ = write!(text, "\n\t{:<16}   {:<16}   {:<16}", "offset", "ref_ctr_offset", "cookies");
                for UprobePlace { offset, ref_ctr_offset, cookie, .. } in places {
                    let _ = write!(text, "\n\t0x{offset:<16x} 0x{ref_ctr_offset:<16x} 0x{cookie:<16x}");
                }
            }
            _ => {}
        }
        text
    }
}

/// The symbols at the places, by the places' addresses. With indirect branch tracking a probe is put behind the four bytes of
/// `endbr64` that a function begins with.
fn symbols(places: &[KprobePlace]) -> HashMap<u64, Symbol> {
    let mut found: HashMap<u64, Symbol> = HashMap::new();
    let Ok(kallsyms) = File::open("/proc/kallsyms") else { return found };
    let is_place = |address: u64| places.binary_search_by_key(&address, |place| place.addr).is_ok();
    for line in BufReader::new(kallsyms).lines().map_while(Result::ok) {
        let mut fields = line.split_ascii_whitespace();
        let Some(address) = fields.next().and_then(|digits| u64::from_str_radix(digits, 16).ok()) else { continue };
        let at = [address, address.wrapping_add(4)].into_iter().find(|at| address != 0 && is_place(*at));
        let (Some(at), Some(name)) = (at, fields.nth(1)) else { continue };
        let module = fields.next().map(|module| module.trim_matches(['[', ']']).to_owned());
        // A function at the very place is meant before one that begins ahead of it.
        if at == address || !found.contains_key(&at) {
            found.insert(at, Symbol { name: name.to_owned(), module });
        }
    }
    found
}
