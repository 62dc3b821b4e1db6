//! A client of the distribution API.
