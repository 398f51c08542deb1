//! The network device that a program or map is offloaded to, or a link attached to.

use serde_json::{Value, json};

use crate::interfaces;
use crate::output::printable;

/// A device of some network namespace.
pub(super) struct Device {
    pub(super) ifindex: u32,
    pub(super) netns_dev: u64,
    pub(super) netns_ino: u64,
}

impl Device {
    /// `dev` of bpftool's JSON, for what is offloaded.
    pub(super) fn add_to(&self, value: &mut Value) {
        if self.ifindex == 0 {
            return;
        }
        value["dev"] = json!({ "ifindex": self.ifindex, "ns_dev": self.netns_dev, "ns_inode": self.netns_ino });
        if let Some(name) = self.name() {
            value["dev"]["ifname"] = json!(name);
        }
    }

    pub(super) fn text(&self) -> String {
        match (self.ifindex, self.name()) {
            (0, _) => String::new(),
            (_, Some(name)) => format!("  offloaded_to {}", printable(&name)),
            (ifindex, None) => {
                format!("  offloaded_to ifindex {ifindex} ns_dev {} ns_ino {}", self.netns_dev, self.netns_ino)
            }
        }
    }

    /// Its name, when it is in the namespace of this process: numbers of another mean other devices.
    fn name(&self) -> Option<String> {
        use std::os::unix::fs::MetadataExt;
        let own = std::fs::metadata("/proc/self/ns/net").ok()?;
        // The kernel tells the device as it encodes it in new_encode_dev, as stat(2) does for such small ones.
        (own.ino() == self.netns_ino && own.dev() == self.netns_dev).then(|| interfaces::name(self.ifindex)).flatten()
    }
}
