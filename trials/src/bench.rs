//! Figures over HTTP. Each one is compared with what a bare program does on the same machine in the
//! same run.

pub mod fill;
pub mod load;
pub mod parts;
pub mod peers;
pub mod prepare;
pub mod table;
