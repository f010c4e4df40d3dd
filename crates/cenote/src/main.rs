//! `cenote`

fn main() {}
