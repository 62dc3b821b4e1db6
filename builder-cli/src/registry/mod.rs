//! What the files of this machine say of registries: who we are to them, where they are, whom they are trusted by.
//!
//! The formats are those of docker and of podman's `containers-auth.json`, `containers-registries.conf` and
//! `containers-certs.d`. Reading them is no work for the library, which takes values.
//!
//! `docker_credential`, a crate for the first of them, looks at the environment itself, knows no `auth.json`, waits
//! for a helper for ever and writes nothing; what it would save is what stands in `auth_file`.

mod auth_file;
mod certificates;
mod helper;
mod logins;
mod registries_conf;

pub(crate) use certificates::trust;
pub(crate) use logins::{HUB_KEY, Logins, Stored};
pub(crate) use registries_conf::{drop_ins, rules};
