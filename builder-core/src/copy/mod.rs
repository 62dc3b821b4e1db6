//! The copy engine of COPY and ADD.
