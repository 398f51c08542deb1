use crate::support::kernel;
use purebpf_sys::{
    kernel_version,
    probes::{Feature, Probes, has},
};

#[test]
fn kernels_have_what_their_version_brought() {
    let Some(_kernel) = kernel() else { return };
    let probes = Probes::new(None);
    for feature in Feature::all() {
        let answer = probes.has(feature).unwrap_or_else(|error| panic!("{}: {error}", feature.name()));
        // Backports may bring a feature earlier, never later.
        if kernel_version() >= feature.since() {
            assert!(answer, "{} is missing", feature.name());
        }
        assert_eq!(has(feature).unwrap(), answer);
    }
}
