//! `.dockerignore` patterns: parse and match.
