//! The command: its arguments, and what it says when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, value_parser};
use service::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::at::At;
use super::fault::Fault;
use super::pace::Speed;
use super::page;
use super::standin::{Material, Settings, Standin};

/// Stand in for NYISO: serve recorded or generated files under NYISO's paths.
///
/// Every answer is labelled `x-ny-power-origin: recorded` or `generated`. Stamps are rewritten so that
/// now is inside the record: the days move, the time of day stays, and on the days of a clock change the
/// files are as NYISO's are. Days older than --daily-days stand only in the zip of their month, as at
/// NYISO. Where a record ends it begins again, whole weeks back.
///
/// The fuel mix decides which days there are. Beside it lie interface flows, load forecast, prices and
/// marginal emission rates: all of them with --generate, else those that the folder holds, under the same
/// shift (not with an --at of a time of day). What is not there is a 404.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = FAULTS_HELP)]
#[command(group(ArgGroup::new("material").required(true).args(["dir", "generate"])))]
pub struct ReplayArgs {
    /// Folder of recorded files, at any depth: YYYYMMDDrtfuelmix.csv, YYYYMM01rtfuelmix_csv.zip, and those of
    /// other feeds beside them.
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Make the data up: a plausible New York since 2015-12-09, always the same for the same seed.
    #[arg(long)]
    pub generate: bool,

    /// Seed of what is generated, and of faults that strike at random.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// The moment of the record that is now.
    ///
    /// 2017-03-12: that day is today, and the time of day stays as it is. 2017-03-12T01:30: that moment
    /// in New York is now. 2017-03-12T06:30:00Z: the same in UTC. By default the latest recorded day with
    /// the weekday of today and a day before it; with --generate, now itself.
    #[arg(long, value_name = "TIME")]
    pub at: Option<At>,

    /// Seconds of the record that pass in a second.
    ///
    /// At 1 the stamps agree with the wall clock. At any other speed the stand-in has its own time, which
    /// starts at now; every answer tells it as `x-ny-power-now`, and ny-power-cloud follows it.
    #[arg(long, default_value_t = Speed::LIFE, value_name = "X", allow_hyphen_values = true)]
    pub speed: Speed,

    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8485", value_name = "ADDR")]
    pub bind: SocketAddr,

    /// Seconds from an instant's stamp to its appearance. At 600 the newest is 10 to 15 min old, as at
    /// NYISO, and today's file appears at about 00:15 Eastern.
    #[arg(long, default_value_t = 600, value_name = "SECS", value_parser = value_parser!(u64).range(..=86_400))]
    pub delay: u64,

    /// How many days back a day's file is kept.
    #[arg(long, default_value_t = 14, value_name = "DAYS", value_parser = value_parser!(u32).range(..=3_660))]
    pub daily_days: u32,

    /// Misbehave: 404, 500, truncate, garbage, stall, slow, duplicate or late; may be given several
    /// times; --help explains each.
    #[arg(long, value_name = "KIND[:ARG]...")]
    pub fault: Vec<Fault>,
}

// Short lines, so that no terminal has to wrap them.
const FAULTS_HELP: &str = "\
Faults: --fault KIND[:ARG]...
  404         the file is missing: no body
  500         the server is broken: an HTML page
  truncate    the file ends in the middle of a row
    :short    (default) a whole answer with half a file in it
    :closed   the whole length is promised, the connection closes before
  garbage     an HTML page with status 200 in place of the file
  stall       the head of the answer, then silence for ever
    :30s      then the connection closes
  slow        the answer drips in over 20 s
    :2m       over two minutes
  duplicate   the newest three instants are there twice
    :conflict (default) other values first, the true ones last
    :same     the same rows again
  late        nothing newer than 60 min is there yet
    :45m      nothing newer than 45 min

How often: always, or with a probability (truncate:0.3, 500:30%), or at
every fourth answer (404:every-4). Arguments combine: stall:30s:0.1.
Several faults decide each by itself; of those that replace an answer the
first given wins. The same --seed strikes the same answers.";

/// Runs the command until `shutdown`.
///
/// # Errors
/// When there is nothing to serve, or not at the time asked for, or the address is taken.
pub async fn run(
    args: ReplayArgs,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let material = args.dir.map_or(Material::Generated, Material::Folder);
    let settings = Settings {
        at: args.at,
        speed: args.speed,
        delay: Duration::from_secs(args.delay),
        daily_days: args.daily_days,
        faults: args.fault,
        seed: args.seed,
    };
    let standin = Standin::new(material, settings, clock).context("cannot replay")?;
    let listener = TcpListener::bind(args.bind).await.with_context(|| {
        format!(
            "cannot listen on {}; if another replay runs there, stop it or choose --bind 127.0.0.1:0",
            args.bind
        )
    })?;
    let mut reached = listener.local_addr().context("cannot tell the address")?;
    if reached.ip().is_unspecified() {
        // Listening everywhere, but nobody can go there.
        reached.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let base = format!("http://{reached}/");
    announce(&standin, &base);
    standin.serve(listener, shutdown).await.context("the stand-in stopped")
}

fn announce(standin: &Standin, base: &str) {
    println!("NYISO stand-in, {} data: {base}", standin.origin().as_str().to_uppercase());
    for (name, value) in page::rows(standin) {
        println!("  {name:<15} {value}");
    }
    println!(
        "Point ny-power-cloud at it: NY_POWER_CLOUD__NYISO__URL={base}public/csv/ ny-power-cloud up"
    );
    println!("Ctrl-C stops it.");
}
