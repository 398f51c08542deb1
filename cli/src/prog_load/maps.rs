//! Maps of a load: those that exist and take the place of the object's, and where each is pinned.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use purebpf::elf_loader::load::PIN_ROOT;
use purebpf::elf_loader::object::{self, Pinning};
use purebpf::sys::info;
use purebpf::{Map, MapId, Object, OpenObject};

use super::pins::Pins;
use super::request::{OldMap, Replacement};
use crate::{Result, show};

/// Bytes of a map's name that the kernel keeps (`BPF_OBJ_NAME_LEN`, without the zero at its end).
const KERNEL_NAME: usize = 15;

/// The names that maps are pinned under, of those that took another's place: their own, as the kernel has them.
#[derive(Debug, Default)]
pub(super) struct Replaced(HashMap<MapId, String>);

impl Replaced {
    /// Has the object use the maps that are there.
    pub(super) fn apply(open: &mut OpenObject, replacements: &[Replacement]) -> Result<Replaced> {
        let mut replaced = Replaced::default();
        for Replacement { of, by } in replacements {
            let id = find(open.description(), of)?;
            let map = existing(by)?;
            if replaced.0.insert(id, map.name().to_owned()).is_some() {
                return Err(format!("map '{}' is replaced twice", name(open.description(), id)).into());
            }
            open.reuse_map(id, &map)?;
        }
        Ok(replaced)
    }

    /// The name of a map's pin: BPF file systems take no dots.
    fn pin_name(&self, map: &Map) -> String {
        let own = map.name();
        let kernels = map.map_id().and_then(|id| self.0.get(&id)).filter(|kernels| {
            // Cut short by the kernel, it is the same name (`bpf_map__reuse_fd`).
            !(kernels.len() == KERNEL_NAME && own.starts_with(kernels.as_str()))
        });
        kernels.map_or(own, String::as_str).replace('.', "_")
    }

    /// Pins all maps in a folder; those that are there already, as maps that are pinned by name may be, stay.
    pub(super) fn pin_all(&self, object: &Object, folder: &Path, pins: &mut Pins) -> Result {
        for (n, map) in object.maps().enumerate() {
            if n == 0 {
                pins.folder(folder)?;
            }
            let path = folder.join(self.pin_name(map));
            if Map::open_pinned(&path).is_ok_and(|there| there.id() == map.id()) {
                continue;
            }
            map.pin(&path)?;
            pins.made(&path);
        }
        Ok(())
    }
}

fn name(object: &object::Object, id: MapId) -> &str {
    object.maps.get(id.0).map_or("?", |map| map.name.as_str())
}

fn find(object: &object::Object, of: &OldMap) -> Result<MapId> {
    let count = object.maps.len();
    match of {
        OldMap::Index(index) if *index < count => Ok(MapId(*index)),
        OldMap::Index(index) => {
            Err(format!("object '{}' has no map {index}: it has {count}, from 0 on", object.name).into())
        }
        OldMap::Name(name) => object.map(name).ok_or_else(|| {
            let names: Vec<_> = object.maps.iter().map(|map| map.name.as_str()).collect();
            format!("object '{}' has no map '{name}' (it has: {})", object.name, names.join(", ")).into()
        }),
    }
}

/// The map that is named by `id N`, `name NAME` or `pinned PATH`, to read and to write.
fn existing(by: &[String; 2]) -> Result<Map> {
    Ok(match by {
        // Its id may be more than this process may ask for.
        [how, path] if how == "pinned" => Map::open_pinned(path)?,
        by => Map::from_id(info::map_info(show::map_fd(by)?.as_fd())?.id)?,
    })
}

/// The places of maps that loading pins by their names, of which nothing is there yet: what a load that fails later has made.
pub(super) fn pinned_by_load(open: &OpenObject) -> Vec<PathBuf> {
    let created = open.description().maps.iter().filter(|map| map.autocreate);
    let places = created.filter_map(|map| {
        let path = match (&map.pin_path, map.pinning) {
            (Some(path), _) => path.clone(),
            (None, Pinning::ByName) => Path::new(PIN_ROOT).join(&map.name),
            _ => return None,
        };
        path.symlink_metadata().is_err().then_some(path)
    });
    places.collect()
}
