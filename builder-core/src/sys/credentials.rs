//! Users, groups and capabilities of the calling thread, by the raw calls.
//!
//! The wrappers of the C library change all threads of a process by signals; in a child of a multi-threaded
//! process that would wait for threads that do not exist.

use rustix::fs::{Gid, Uid};
use rustix::io::{Errno, Result};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::setup_op::CapabilityMask;

/// The highest number that a capability may ever have: the sets are 64 bits wide.
const LAST_CAPABILITY: u32 = 63;

/// Drops all capabilities but these from the bounding set (`PR_CAPBSET_DROP`, since Linux 2.6.25).
pub(super) fn keep_bounding(keep: CapabilityMask) -> Result<()> {
    for number in 0..=LAST_CAPABILITY {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if keep.0 & (1 << number) == 0 {
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // The first number that the kernel does not know: there are no more.
                Err(Errno::INVAL) if number > 0 => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Sets permitted and effective capabilities; the inheritable set becomes empty, and with it the ambient one.
pub(super) fn set_capabilities(mask: CapabilityMask) -> Result<()> {
    let set = CapabilitySet::from_bits_retain(mask.0);
    let sets = CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets)
}

/// Sets the supplementary groups.
pub(super) fn set_groups(groups: &[Gid]) -> Result<()> {
    rustix::thread::set_thread_groups(groups)
}

/// Sets real, effective and saved group.
pub(super) fn set_gid(gid: Gid) -> Result<()> {
    rustix::thread::set_thread_res_gid(gid, gid, gid)
}

/// Sets real, effective and saved user.
pub(super) fn set_uid(uid: Uid) -> Result<()> {
    rustix::thread::set_thread_res_uid(uid, uid, uid)
}
