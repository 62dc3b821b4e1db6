//! The content store: an OCI image layout with snapshots and metadata beside it.
