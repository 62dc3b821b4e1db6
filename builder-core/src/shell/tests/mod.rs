//! Tests of the whole: the trees of constructs, their places, and what rules ask.

mod any_text;
mod places;
mod rules;
mod syntax;
