//! The candidates of every operator on devices that are only described.

use involution::kernels::{Candidate, DeviceClass, DeviceProfile, GENERAL, candidates, general};
use involution::ops::NAMES;
use involution_check::fixed;

use crate::harness::{described, sample};

/// The described devices, each also without subgroups and with short loops.
fn profiles() -> Vec<DeviceProfile> {
    let described = DeviceProfile::DESCRIBED.map(|name| DeviceProfile::described(name).unwrap());
    described
        .into_iter()
        .flat_map(|profile| {
            let alone = DeviceProfile { subgroup_min: 0, subgroup_max: 0, ..profile.clone() };
            let short = DeviceProfile { max_trips: 300, ..profile.clone() };
            [profile, alone, short]
        })
        .collect()
}

/// A place among the candidates: those whose loops are too long are first, then those made for other classes.
fn eligible(candidate: &Candidate, profile: &DeviceProfile) -> (bool, bool) {
    let own = candidate.requires.class.is_none_or(|class| class == profile.class);
    (candidate.trips() <= profile.max_trips, own)
}

#[test]
fn candidates_are_those_a_device_supports_in_the_order_of_their_ranks() {
    for case in NAMES.iter().flat_map(|name| [fixed(name), sample(name, 50)].concat()) {
        let shapes: Vec<_> = case.shapes.iter().collect();
        let all = described(&case.operator, &shapes).unwrap();
        let general = general(&case.operator, &shapes).unwrap().unwrap();
        assert_eq!((general.rank, general.requires), (GENERAL, Default::default()), "{case}");
        for profile in profiles() {
            let found = candidates(&case.operator, &shapes, &profile).unwrap();
            assert!(found.windows(2).all(|pair| pair[0].rank < pair[1].rank), "{case}: {found:?}");
            let places: Vec<_> = found.iter().map(|found| eligible(found, &profile)).collect();
            assert!(places.is_sorted(), "{case}: {places:?}");
            assert!(found.iter().any(|found| found.name == general.name), "{case}");
            let supported = all.iter().filter(|one| one.requires.subgroup <= profile.subgroup_min);
            assert_eq!(found.len(), supported.count(), "{case}");
            for candidate in found {
                let place = eligible(&candidate, &profile);
                assert_eq!(
                    candidate.rank >= GENERAL,
                    place == (true, true),
                    "{case}: {candidate:?}"
                );
                assert!(!candidate.reason.is_empty(), "{case}: {candidate:?}");
            }
        }
    }
}

/// What a kernel needs is stated on each candidate that it is part of.
#[test]
fn candidates_require_what_their_kernels_need() {
    for case in NAMES.iter().flat_map(|name| [fixed(name), sample(name, 50)].concat()) {
        for candidate in described(&case.operator, &case.shapes.iter().collect::<Vec<_>>()).unwrap()
        {
            let subgroups = candidate.calls.iter().any(|call| call.kernel.subgroups);
            assert_eq!(candidate.requires.subgroup >= 8, subgroups, "{case}: {}", candidate.name);
        }
    }
}

#[test]
fn described_devices_differ() {
    let [nvidia, amd, .., software] =
        DeviceProfile::DESCRIBED.map(|name| DeviceProfile::described(name).unwrap());
    assert_ne!(nvidia, amd);
    assert_eq!((nvidia.class, software.class), (DeviceClass::Gpu, DeviceClass::Software));
    assert_eq!(DeviceProfile::described("voodoo"), None);
}
