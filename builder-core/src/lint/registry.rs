//! The table of all rules.

use super::rule::Rule;
use super::rules as r;

/// Every rule. The order is the one in which they look.
pub static RULES: &[&Rule] = &[
    &r::add_instead_of_copy::RULE,
    &r::apk_cache::RULE,
    &r::apt::RULE,
    &r::apt_lists_left::RULE,
    &r::change_of_directory::RULE,
    &r::consecutive_runs::RULE,
    &r::constant_platform::RULE,
    &r::copied_archive::RULE,
    &r::copy_from_itself::RULE,
    &r::copy_from_unknown::RULE,
    &r::copy_many_to_file::RULE,
    &r::copy_to_relative_target::RULE,
    &r::copy_whole_stage::RULE,
    &r::curl_and_wget::RULE,
    &r::deprecated_maintainer::RULE,
    &r::dnf_cache::RULE,
    &r::duplicate_stage_name::RULE,
    &r::empty_label::RULE,
    &r::env_refers_to_itself::RULE,
    &r::forbidden_trigger::RULE,
    &r::ignore_pragma::RULE,
    &r::instruction_before_from::RULE,
    &r::invalid_label_key::RULE,
    &r::label_not_address::RULE,
    &r::label_not_hash::RULE,
    &r::label_not_license::RULE,
    &r::label_not_time::RULE,
    &r::label_not_url::RULE,
    &r::label_not_version::RULE,
    &r::large_user_id::RULE,
    &r::latest_tag::RULE,
    &r::missing_healthcheck::RULE,
    &r::missing_label::RULE,
    &r::named_user::RULE,
    &r::pip_cache::RULE,
    &r::pipe_without_pipefail::RULE,
    &r::pointless_command::RULE,
    &r::port_out_of_range::RULE,
    &r::recommended_packages::RULE,
    &r::redundant_platform::RULE,
    &r::relative_workdir::RULE,
    &r::repeated_cmd::RULE,
    &r::repeated_entrypoint::RULE,
    &r::repeated_healthcheck::RULE,
    &r::replaced_shell::RULE,
    &r::reserved_stage_name::RULE,
    &r::root_user::RULE,
    &r::secret_variable::RULE,
    &r::shell_form_command::RULE,
    &r::sudo::RULE,
    &r::syntax_error::RULE,
    &r::unconfirmed_apt_get::RULE,
    &r::unconfirmed_dnf::RULE,
    &r::unconfirmed_yum::RULE,
    &r::unconfirmed_zypper::RULE,
    &r::unexpected_label::RULE,
    &r::unpinned_apk_package::RULE,
    &r::unpinned_apt_package::RULE,
    &r::unpinned_dnf_package::RULE,
    &r::unpinned_gem::RULE,
    &r::unpinned_go_module::RULE,
    &r::unpinned_npm_package::RULE,
    &r::unpinned_pip_package::RULE,
    &r::unpinned_yum_package::RULE,
    &r::unpinned_zypper_package::RULE,
    &r::untagged_image::RULE,
    &r::untrusted_registry::RULE,
    &r::unused_suppression::RULE,
    &r::wget_progress::RULE,
    &r::yarn_cache::RULE,
    &r::yum_cache::RULE,
    &r::zypper_cache::RULE,
    &r::zypper_dist_upgrade::RULE,
];

/// Finds a rule by its id or one of its codes.
pub fn find_rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.is_named(name))
}

/// Returns the place of a rule in the table.
pub(super) fn index_of(rule: &Rule) -> usize {
    RULES.iter().position(|known| known.id == rule.id).unwrap_or(usize::MAX)
}
