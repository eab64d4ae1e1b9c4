//! The stream from NYISO's files to intensity, as a subscriber sees it: the real pump and co2, a stand-in over
//! HTTP, and both brokers.

mod backfill;
mod co2;
mod feed_faults;
mod feeds;
mod forecast;
mod kill;
mod pump;
mod rig;
mod slow_disk;
mod ties;
