//! The files of a build context after ignore rules, and their content digests.
