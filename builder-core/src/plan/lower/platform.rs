//! Platforms in the names of steps, and in the config of the target.

use super::Planner;
use crate::oci::ImageConfig;
use crate::platform::Platform;
use crate::semantic::scope::Variables;

impl Planner<'_> {
    /// Who names a platform gets an image that says so, whatever its base says (dockerfile-semantics 4.2).
    pub(super) fn target_platform(&self, config: &mut ImageConfig) {
        if !self.options.explicit_platform {
            return;
        }
        let platform = &self.options.platform;
        config.os.clone_from(&platform.os);
        config.architecture.clone_from(&platform.architecture);
        config.variant.clone_from(&platform.variant);
        if platform.os_version.is_some() {
            config.os_version.clone_from(&platform.os_version);
        }
    }

    /// What the name of a step says of its platform where the build is for several: `linux/arm64 `, or
    /// `linux/amd64->arm64 ` where the stage has asked what it is to build for (dockerfile-semantics 17).
    pub(super) fn shown_platform(&self, platform: &Platform, variables: Option<&Variables>) -> String {
        if !self.options.multi_platform {
            return String::new();
        }
        let arrow = variables.and_then(target_of).map_or_else(String::new, |target| arrow(platform, &target));
        format!("{platform}{arrow} ")
    }
}

fn arrow(platform: &Platform, target: &Platform) -> String {
    if target.os != platform.os {
        format!("->{target}")
    } else if target.architecture != platform.architecture {
        let variant = target.variant.as_ref().map_or_else(String::new, |variant| format!("/{variant}"));
        format!("->{}{variant}", target.architecture)
    } else {
        String::new()
    }
}

/// The platform that a stage knows from the variables that it has declared.
fn target_of(variables: &Variables) -> Option<Platform> {
    if let Some(platform) = variables.get("TARGETPLATFORM").and_then(|text| text.parse().ok()) {
        return Some(platform);
    }
    let architecture = variables.get("TARGETARCH")?;
    let os = variables.get("TARGETOS").unwrap_or("linux");
    Some(Platform::new(os, architecture, variables.get("TARGETVARIANT")))
}
