//! The command's arguments and what it says when it cannot start.

use std::sync::Arc;

use clap::{CommandFactory, Parser};
use cloud::replay::{ReplayArgs, run};
use service::clock::ManualClock;
use tokio_util::sync::CancellationToken;

use super::harness::{LIMIT, ts};

#[derive(Debug, Parser)]
#[command(name = "ny-power-cloud")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Replay(ReplayArgs),
}

fn parse(args: &[&str]) -> Result<ReplayArgs, String> {
    let all = ["ny-power-cloud", "replay"].iter().chain(args);
    let Cli { command: Command::Replay(args) } =
        Cli::try_parse_from(all).map_err(|error| error.to_string())?;
    Ok(args)
}

#[track_caller]
fn check_refused(args: &[&str], expected: &str) {
    let error = parse(args).expect_err("refused");
    assert!(error.contains(expected), "{args:?}: {error}");
}

#[test]
fn arguments_that_make_no_sense_say_why() {
    check_refused(&[], "<DIR|--generate>");
    check_refused(&["x", "--generate"], "cannot be used with");
    check_refused(&["--generate", "--speed", "0"], "not a number above 0");
    check_refused(&["--generate", "--speed", "-5"], "not a number above 0");
    check_refused(&["--generate", "--at", "noon"], "2017-03-12T06:30:00Z");
    check_refused(&["--generate", "--fault", "explode"], "there are 404, 500, truncate");
    check_refused(&["--generate", "--bind", "8485"], "--bind");
    check_refused(&["--generate", "--delay", "86401"], "--delay");
    check_refused(&["--generate", "--daily-days", "4000000000"], "--daily-days");
}

#[test]
fn faults_can_be_given_one_by_one() {
    let args = parse(&["x", "--fault", "404:0.1", "--fault", "slow", "--speed", "60"]);
    let args = args.expect("arguments");
    assert_eq!((args.fault.len(), args.speed.times()), (2, 60.0));
    assert_eq!(args.bind.to_string(), "127.0.0.1:8485");
}

#[test]
fn the_help_explains_every_fault() {
    let mut cli = Cli::command();
    let help = cli.find_subcommand_mut("replay").expect("replay").render_long_help().to_string();
    for word in ["404", "500", "truncate", "garbage", "stall", "slow", "duplicate", "late"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(word)), "{word}: {help}");
    }
    assert!(help.contains("x-ny-power-now") && help.contains("YYYYMMDDrtfuelmix.csv"), "{help}");
}

/// Runs the command, which must end by itself with an error.
async fn check_fails(args: &[&str], expected: &[&str]) {
    let args = parse(args).expect("arguments");
    let clock = Arc::new(ManualClock::new(ts("2026-11-24T17:00:00Z")));
    let ended = tokio::time::timeout(LIMIT, run(args, clock, CancellationToken::new())).await;
    let error = format!("{:#}", ended.expect("ends").expect_err("an error"));
    for part in expected {
        assert!(error.contains(part), "{part}: {error}");
    }
}

fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in names {
        std::fs::write(folder.path().join(name), "Time Stamp,Time Zone,Fuel Category,Gen MW")
            .expect("written");
    }
    folder
}

#[tokio::test]
async fn a_folder_without_nyisos_files_says_what_was_looked_for() {
    let folder = folder_with(&["notes.txt", "20260310pal.csv"]);
    let dir = folder.path().to_str().expect("UTF-8");
    check_fails(&[dir], &[dir, "20260310rtfuelmix.csv", "20260301rtfuelmix_csv.zip"]).await;
    check_fails(&["/nowhere/at/all"], &["/nowhere/at/all", "No such file"]).await;
}

#[tokio::test]
async fn a_time_outside_the_record_says_what_the_record_holds() {
    let folder = folder_with(&["20260310rtfuelmix.csv", "20260312rtfuelmix.csv"]);
    let dir = folder.path().to_str().expect("UTF-8");
    let expected = ["2017-01-01", "2 days from 2026-03-10 to 2026-03-12", "nearest is 2026-03-10"];
    check_fails(&[dir, "--at", "2017-01-01"], &expected).await;
    check_fails(&["--generate", "--at", "1999-01-01"], &["from 2015-12-09"]).await;
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("an address").to_string();
    check_fails(&["--generate", "--bind", &taken], &[&taken, "in use", "--bind"]).await;
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop() {
    let args = parse(&["--generate", "--bind", "127.0.0.1:0"]).expect("arguments");
    let clock = Arc::new(ManualClock::new(ts("2026-11-24T17:00:00Z")));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(run(args, clock, shutdown.clone()));
    shutdown.cancel();
    tokio::time::timeout(LIMIT, running).await.expect("ends").expect("no panic").expect("cleanly");
}
