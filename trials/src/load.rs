//! Load over HTTP: requests that are made beforehand, how fast they are answered, and what a bare
//! program does on the same machine in the same run.

pub mod fill;
pub mod parts;
pub mod peers;
pub mod prepare;
pub mod requests;
pub mod table;
