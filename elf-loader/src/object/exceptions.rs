//! Exception callbacks: functions that no instruction refers to, named by a declaration tag of the program's function
//! (`__exception_cb(name)`).

use std::collections::HashMap;
use std::sync::Arc;

use purebpf_btf::{Btf, TypeData};

use super::code::Code;
use super::model::{FunctionId, Target};

/// What the tag begins with.
const TAG: &[u8] = b"exception_callback:";

/// Finds the callbacks of all programs.
pub(super) fn collect(btf: &Btf, code: &mut Code) {
    let mut named: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for tag in btf.own_types() {
        let TypeData::DeclTag(declared) = tag.data() else { continue };
        let Some(callback) = tag.name_bytes().strip_prefix(TAG).filter(|_| declared.component.is_none()) else {
            continue;
        };
        if let Ok(function) = btf.type_by_id(declared.target) {
            named.entry(function.name_bytes()).or_default().push(callback);
        }
    }
    if named.is_empty() {
        return;
    }
    let mut subprograms: HashMap<&[u8], FunctionId> = HashMap::new();
    for (n, function) in code.functions.iter().enumerate() {
        // The verifier wants a global function, and hidden ones are static to it.
        if function.global && !function.hidden && code.is_subprogram(FunctionId(n)) {
            subprograms.entry(function.name.as_bytes()).or_insert(FunctionId(n));
        }
    }
    for program in &mut code.programs {
        // With several, the verifier says what is wrong.
        let Some(&[callback]) = named.get(program.name.as_bytes()).map(Vec::as_slice) else { continue };
        program.exception_callback = Some(match subprograms.get(callback) {
            Some(&function) => Target::Call(function),
            None => Target::Broken(Arc::from(format!(
                "its exception callback '{}' is no global function in .text",
                super::elf::shown(callback)
            ))),
        });
    }
}
