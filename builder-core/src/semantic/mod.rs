//! What a Dockerfile means before anything is built: stages, scopes, reachability.
