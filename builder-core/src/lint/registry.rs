//! The table of all rules.

use super::rule::Rule;
use super::rules as r;

/// Every rule. The order is the one in which they look.
pub static RULES: &[&Rule] = &[
    &r::add_instead_of_copy::RULE,
    &r::broken_array::RULE,
    &r::consecutive_runs::RULE,
    &r::constant_platform::RULE,
    &r::copied_secret_file::RULE,
    &r::copy_from_itself::RULE,
    &r::copy_from_unknown::RULE,
    &r::copy_many_to_file::RULE,
    &r::copy_of_ignored_file::RULE,
    &r::copy_to_relative_target::RULE,
    &r::copy_whole_stage::RULE,
    &r::deprecated_maintainer::RULE,
    &r::disabled_tls_check::RULE,
    &r::docker_socket::RULE,
    &r::duplicate_stage_name::RULE,
    &r::early_argument::RULE,
    &r::empty_continuation::RULE,
    &r::env_refers_to_itself::RULE,
    &r::forbidden_trigger::RULE,
    &r::ignore_pragma::RULE,
    &r::ignored_cmd::RULE,
    &r::instruction_before_from::RULE,
    &r::invalid_default_image::RULE,
    &r::invalid_label_key::RULE,
    &r::latest_tag::RULE,
    &r::legacy_key_value::RULE,
    &r::literal_secret::RULE,
    &r::lone_package_update::RULE,
    &r::missing_copy_source::RULE,
    &r::missing_healthcheck::RULE,
    &r::missing_ignore_file::RULE,
    &r::mixed_from_as_case::RULE,
    &r::mixed_keyword_case::RULE,
    &r::named_user::RULE,
    &r::npm_install::RULE,
    &r::piped_script::RULE,
    &r::plain_http_download::RULE,
    &r::port_mapping_in_expose::RULE,
    &r::port_out_of_range::RULE,
    &r::redundant_platform::RULE,
    &r::relative_workdir::RULE,
    &r::remote_login_port::RULE,
    &r::repeated_cmd::RULE,
    &r::repeated_entrypoint::RULE,
    &r::repeated_healthcheck::RULE,
    &r::reserved_stage_name::RULE,
    &r::root_user::RULE,
    &r::run_in_scratch::RULE,
    &r::secret_variable::RULE,
    &r::setuid_file::RULE,
    &r::shell_form_command::RULE,
    &r::source_before_dependencies::RULE,
    &r::syntax_error::RULE,
    &r::system_upgrade::RULE,
    &r::system_volume::RULE,
    &r::undefined_argument_in_from::RULE,
    &r::undefined_variable::RULE,
    &r::undigested_image::RULE,
    &r::unexpanded_variable::RULE,
    &r::unknown_mount_source::RULE,
    &r::unknown_stop_signal::RULE,
    &r::unnamed_definition_comment::RULE,
    &r::unsorted_packages::RULE,
    &r::untagged_image::RULE,
    &r::untrusted_registry::RULE,
    &r::unused_suppression::RULE,
    &r::unverified_download::RULE,
    &r::uppercase_protocol::RULE,
    &r::uppercase_stage_name::RULE,
    &r::world_writable_file::RULE,
];

/// Finds a rule by its id or one of its codes.
pub fn find_rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.is_named(name))
}

/// Returns the place of a rule in the table.
pub(super) fn index_of(rule: &Rule) -> usize {
    RULES.iter().position(|known| known.id == rule.id).unwrap_or(usize::MAX)
}
