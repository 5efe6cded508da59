//! The gateway as its clients see it, without the services behind it.

mod door;
mod setting;
mod sockets;
mod system;
