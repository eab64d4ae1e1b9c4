//! `ny-power-cloud inspect`: NYISO's fuel-mix files as lines, one an instant, with their intensity.
//!
//! All paths are read, merged and sorted before the first line is printed. What is odd goes to stderr. A
//! file that cannot be read is named there too; then nothing is printed, since half of the truth in a
//! pipe looks like all of it, and the exit code is 2.

mod lines;
mod sources;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use domain::factors::FactorSetName;
use domain::fuel_mix::FuelMix;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use lines::Lines;
use sources::{Read, Source};

/// A file that cannot be read: the exit code that the command promises.
const UNREADABLE: u8 = 2;

/// Most skipped files that are named; a folder of other things must not drown the oddities.
const MOST_SKIPPED_NAMED: usize = 20;

/// Print NYISO's fuel-mix files, one line per instant, with their carbon intensity.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// Daily CSV files (also .csv.gz), monthly zips, or folders of them, which are walked. All are merged
    /// and sorted; where two paths hold the same instant, the later one wins
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Emission factors: ny-2026.1, or ny-power-2018 (which has no life cycle)
    #[arg(long, value_name = "SET", default_value_t)]
    pub factors: FactorSetName,

    /// jsonl: an object a line; csv: the same with a column per fuel; table: rounded, for reading
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
}

/// How lines are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// Comma-separated, with a header and a column per fuel.
    Csv,
    /// For people: aligned and rounded.
    Table,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Table => "table",
        })
    }
}

/// Runs the command on stdout and stderr.
///
/// # Errors
/// When stdout takes no more, a closed pipe (`| head`) apart: that is a reader who has seen enough.
pub fn run(args: InspectArgs) -> anyhow::Result<ExitCode> {
    let progress = ProgressDrawTarget::stderr();
    let code = write(&args, io::stdout().lock(), io::stderr(), progress)?;
    Ok(ExitCode::from(code))
}

/// Runs the command on these writers; the exit code.
///
/// # Errors
/// As [`run`].
pub fn write(
    args: &InspectArgs,
    out: impl Write,
    mut log: impl Write,
    progress: ProgressDrawTarget,
) -> anyhow::Result<u8> {
    let mut gathered = Gathered::default();
    gathered.read(&args.paths, progress);
    gathered.report(&mut log);
    if !gathered.unreadable.is_empty() {
        return Ok(UNREADABLE);
    }
    let mixes = gathered.merge(&mut log);
    match print(args, &mixes, BufWriter::with_capacity(1 << 16, out)) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        printed => printed.map(|()| 0).map_err(|error| anyhow::anyhow!(error).context("stdout")),
    }
}

fn print(args: &InspectArgs, mixes: &[FuelMix], mut out: impl Write) -> io::Result<()> {
    let lines = Lines::new(mixes, args.factors);
    match args.format {
        Format::Jsonl => lines.jsonl(&mut out)?,
        Format::Csv => lines.csv(&mut out)?,
        Format::Table => lines.table(&mut out)?,
    }
    out.flush()
}

/// What all paths together hold.
#[derive(Default)]
struct Gathered {
    /// In the order of the paths.
    mixes: Vec<FuelMix>,
    /// One line each, beginning with the file.
    oddities: Vec<String>,
    skipped: Vec<String>,
    unreadable: Vec<String>,
    files: usize,
    off_grid: usize,
    /// Files without the row of their last midnight.
    no_midnight: usize,
}

impl Gathered {
    fn read(&mut self, paths: &[PathBuf], progress: ProgressDrawTarget) {
        let mut sources = Vec::new();
        for path in paths {
            match sources::find(path) {
                Ok(found) => sources.extend(found),
                Err(error) => self.unreadable.push(format!("{}: {error:#}", path.display())),
            }
        }
        let bar = bar(sources.len(), progress);
        for Source { path, certain } in &sources {
            self.read_file(path, *certain);
            bar.inc(1);
        }
        bar.finish_and_clear();
        if self.files == 0 && self.unreadable.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            let paths = paths.join(", ");
            self.unreadable.push(format!("{paths}: no fuel-mix file (*rtfuelmix.csv or .zip)"));
        }
    }

    fn read_file(&mut self, path: &std::path::Path, certain: bool) {
        for (name, read) in sources::read(path, certain) {
            match read {
                Read::Mixes(file, survey) => {
                    self.files += 1;
                    self.off_grid += survey.off_grid;
                    self.no_midnight += usize::from(survey.ends_early.is_some());
                    self.oddities.extend(file.oddities.iter().map(|o| format!("{name}: {o}")));
                    if file.more_oddities > 0 {
                        self.oddities.push(format!("{name}: and {} more", file.more_oddities));
                    }
                    self.oddities.extend(survey.remarks().iter().map(|r| format!("{name}: {r}")));
                    self.mixes.extend(file.mixes);
                }
                Read::Skipped(reason) => self.skipped.push(format!("{name}: skipped, {reason}")),
                Read::Unreadable(error) => self.unreadable.push(format!("{name}: {error:#}")),
            }
        }
    }

    /// Says on stderr what there is to say. Nobody may be listening there, which is no reason to stop.
    fn report(&self, log: &mut impl Write) {
        let mut say = |line: &str| drop(writeln!(log, "{line}"));
        self.oddities.iter().for_each(|line| say(line));
        self.skipped.iter().take(MOST_SKIPPED_NAMED).for_each(|line| say(line));
        if let Some(more) = self.skipped.len().checked_sub(MOST_SKIPPED_NAMED).filter(|n| *n > 0) {
            say(&format!("and {more} more files skipped"));
        }
        if self.off_grid > 0 {
            let (odd, all) = (self.off_grid, self.mixes.len());
            say(&format!("{odd} of {all} stamps are off the five-minute grid, as is usual"));
        }
        if self.no_midnight > 0 {
            let (odd, all) = (self.no_midnight, self.files);
            say(&format!("{odd} of {all} files end before the midnight that closes their day"));
        }
        self.unreadable.iter().for_each(|line| say(&format!("error: {line}")));
        if !self.unreadable.is_empty() {
            say("nothing printed: mend, fetch again or leave out what cannot be read");
        }
    }

    /// Ascending, one an instant: the later path wins.
    fn merge(mut self, log: &mut impl Write) -> Vec<FuelMix> {
        // Stable, so that of equal instants the one of the latest path comes last.
        self.mixes.sort_by_key(|mix| mix.ts);
        let (mut again, mut differing) = (0, 0);
        self.mixes.dedup_by(|later, kept| {
            let same = later.ts == kept.ts;
            if same {
                again += 1;
                differing += usize::from(!later.same_values(kept));
                std::mem::swap(later, kept);
            }
            same
        });
        if again > 0 {
            drop(writeln!(
                log,
                "{again} instants stand in several files, {differing} with other values; the later \
                 path wins"
            ));
        }
        self.mixes
    }
}

/// A bar for long work; nothing for a handful of files, or where stderr is no terminal.
fn bar(files: usize, target: ProgressDrawTarget) -> ProgressBar {
    if files < 8 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(files as u64), target);
    let style = ProgressStyle::with_template("reading {bar:30} {pos}/{len} files, {eta} left");
    bar.with_style(style.expect("the template is a constant"))
}
