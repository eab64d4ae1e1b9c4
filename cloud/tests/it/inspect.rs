//! `inspect`: what it prints of which files, what it says about them, and when it refuses.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use cloud::inspect::{InspectArgs, write};
use indicatif::ProgressDrawTarget;
use serde_json::{Value, json};
use tempfile::TempDir;

const HEADER: &str = "Time Stamp,Time Zone,Fuel Category,Gen MW";
const FUELS: [&str; 7] = [
    "Dual Fuel",
    "Natural Gas",
    "Nuclear",
    "Other Fossil Fuels",
    "Other Renewables",
    "Wind",
    "Hydro",
];
/// The mix by which the factors of 2018 are known: 187.7 g/kWh.
const OLD_MIX: [u32; 7] = [2282, 3310, 5413, 0, 237, 258, 2814];

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: InspectArgs,
}

struct Printed {
    code: u8,
    out: String,
    log: String,
}

impl Printed {
    #[track_caller]
    fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}", self.log);
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Each line as `HH:MM:SS seconds Dual-Fuel-value`.
    #[track_caller]
    fn draw(&self) -> Vec<String> {
        let one = |line: &Value| {
            let ts = &line["ts"].as_str().unwrap()[11..19];
            format!("{ts} {} {}", line["interval_s"], line["fuels"]["Dual Fuel"])
        };
        self.json().iter().map(one).collect()
    }
}

/// A folder to inspect.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn inspect<P: AsRef<Path>>(paths: &[P], options: &[&str]) -> Printed {
    let mut line = vec!["inspect".into()];
    line.extend(paths.iter().map(|path| path.as_ref().as_os_str().to_owned()));
    line.extend(options.iter().map(Into::into));
    let args = Command::try_parse_from(line).unwrap().args;
    let (mut out, mut log) = (Vec::new(), Vec::new());
    let code = write(&args, &mut out, &mut log, ProgressDrawTarget::hidden()).unwrap();
    Printed { code, out: String::from_utf8(out).unwrap(), log: String::from_utf8(log).unwrap() }
}

/// A file of whole instants: stamp of 2026-03-10 in EDT, and the megawatts of each fuel.
fn file(instants: &[(&str, [u32; 7])]) -> String {
    let mut file = HEADER.to_owned();
    for (time, mix) in instants {
        for (fuel, value) in FUELS.iter().zip(mix) {
            file += &format!("\r\n03/10/2026 {time},EDT,{fuel},{value}.0");
        }
    }
    file
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, body) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(body.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_line_is_pinned_to_the_letter() {
    let folder = Folder::new();
    let path = folder.add("20260310rtfuelmix.csv", file(&[("00:05:00", OLD_MIX)]));
    let start = r#"{"ts":"2026-03-10T04:05:00Z","interval_s":300,"fuels":{"Dual Fuel":2282.0,"Natural Gas":3310.0,"Nuclear":5413.0,"Other Fossil Fuels":0.0,"Other Renewables":237.0,"Wind":258.0,"Hydro":2814.0},"complete":true,"value":"#;
    let printed = inspect(&[&path], &["--factors", "ny-power-2018"]);
    assert_eq!(printed.code, 0);
    let rest = printed.out.strip_prefix(start).unwrap_or_else(|| panic!("{}", printed.out));
    let (value, rest) = rest.split_once(',').unwrap();
    assert!((value.parse::<f64>().unwrap() - 187.6818).abs() < 1e-4, "{value}");
    assert!(value.len() > 10, "not rounded: {value}");
    assert_eq!(rest, "\"life_cycle\":null,\"factor_set\":\"ny-power-2018\"}\n");

    let by_default = &inspect(&[&path], &[]).json()[0];
    let [direct, life_cycle] = ["value", "life_cycle"].map(|key| by_default[key].as_f64().unwrap());
    let by_hand = |factors: [f64; 7]| {
        let grams: f64 = OLD_MIX.iter().zip(factors).map(|(mw, g)| f64::from(*mw) * g).sum();
        grams / 14_314.0
    };
    assert!((direct - by_hand([435.0, 395.0, 0.0, 750.0, 550.0, 0.0, 0.0])).abs() < 1e-9);
    assert!((life_cycle - by_hand([555.0, 515.0, 12.0, 990.0, 600.0, 11.0, 24.0])).abs() < 1e-9);
    assert_eq!(by_default["factor_set"], "ny-2026.1");
}

#[test]
fn csv_has_the_same_columns_and_one_per_fuel() {
    let folder = Folder::new();
    let mut text = file(&[("00:05:00", OLD_MIX), ("00:10:00", [1; 7])]);
    text += "\r\n03/10/2026 00:10:00,EDT,Energy Storage,12.5";
    let path = folder.add("a.csv", text.replace("00:05:00,EDT,Wind,258.0", "00:05:00,EDT,Wind,"));
    let lines: Vec<String> =
        inspect(&[&path], &["--format", "csv"]).out.lines().map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "ts,interval_s,Dual Fuel,Natural Gas,Nuclear,Other Fossil Fuels,Other Renewables,Wind,\
             Hydro,Energy Storage,complete,value,life_cycle,factor_set",
            "2026-03-10T04:05:00Z,300,2282.0,3310.0,5413.0,0.0,237.0,,2814.0,,false,,,ny-2026.1",
            "2026-03-10T04:10:00Z,300,1.0,1.0,1.0,1.0,1.0,1.0,1.0,12.5,false,,,ny-2026.1",
        ]
    );
}

#[test]
fn a_number_in_csv_is_the_number_in_json() {
    let folder = Folder::new();
    let path = folder.add("a.csv", file(&[("00:05:00", OLD_MIX)]));
    let json = inspect(&[&path], &[]);
    let csv = inspect(&[&path], &["--format", "csv"]);
    let value = csv.out.lines().nth(1).unwrap().split(',').nth(10).unwrap().to_owned();
    assert!(json.out.contains(&format!("\"value\":{value},")), "{value} in {}", json.out);
}

#[test]
fn a_table_is_for_reading() {
    let folder = Folder::new();
    let mut text = file(&[("00:05:00", OLD_MIX)]);
    text += "\r\n03/10/2026 00:12:34,EDT,Wind,9.0";
    let path = folder.add("a.csv", text);
    let printed = inspect(&[&path], &["--format", "table"]);
    assert_eq!(
        printed.out,
        "\
MW by fuel; g CO2/kWh, average of what New York generates, factors ny-2026.1

                               Dual  Natural                  Other       Other                   g/kWh    life
interval end (UTC)     secs    Fuel      Gas  Nuclear  Fossil Fuels  Renewables    Wind   Hydro  direct   cycle
2026-03-10T04:05:00Z    300    2282     3310     5413             0         237     258    2814   169.8   227.0
2026-03-10T04:12:34Z    454       -        -        -             -           -       9       -       -       -  not complete
"
    );
}

#[test]
fn an_incomplete_instant_has_its_fuels_and_no_intensity() {
    let folder = Folder::new();
    let text = file(&[("00:05:00", OLD_MIX)]).replace("EDT,Hydro", "EDT,Tidal");
    let path = folder.add("a.csv", text);
    let printed = inspect(&[&path], &[]);
    let line = &printed.json()[0];
    assert_eq!(line["complete"], json!(false));
    assert_eq!((&line["value"], &line["life_cycle"]), (&Value::Null, &Value::Null));
    assert_eq!(line["fuels"]["Tidal"], json!(2814.0));
    assert_eq!(line["fuels"].get("Hydro"), None);
    assert!(printed.log.contains("line 8: unknown fuel category"), "{}", printed.log);
}

#[test]
fn the_later_path_wins_and_in_a_file_the_last_row() {
    let folder = Folder::new();
    let one = folder.add("one.csv", file(&[("00:05:00", [1; 7]), ("00:15:00", [2; 7])]));
    let two = folder
        .add("two.csv", file(&[("00:10:00", [3; 7]), ("00:15:00", [4; 7]), ("00:15:00", [5; 7])]));
    let printed = inspect(&[&one, &two], &[]);
    assert_eq!(printed.draw(), ["04:05:00 300 1.0", "04:10:00 300 3.0", "04:15:00 300 5.0"]);
    assert!(printed.log.contains("two.csv: line 22: 7 fuels given twice, 7 with another value"));
    assert!(printed.log.contains("1 instants stand in several files, 1 with other values"));
    let printed = inspect(&[&two, &one], &[]);
    assert_eq!(printed.draw(), ["04:05:00 300 1.0", "04:10:00 300 3.0", "04:15:00 300 2.0"]);
}

#[test]
fn interval_lengths_run_over_all_paths() {
    let folder = Folder::new();
    let late = folder.add("late.csv", file(&[("07:05:00", [4; 7]), ("13:05:01", [5; 7])]));
    let early = folder.add(
        "early.csv",
        file(&[("00:05:00", [1; 7]), ("00:05:22", [2; 7]), ("01:05:00", [3; 7])]),
    );
    assert_eq!(
        inspect(&[&late, &early], &[]).draw(),
        [
            "04:05:00 300 1.0",
            "04:05:22 22 2.0",
            "05:05:00 3578 3.0",
            "11:05:00 21600 4.0",
            "17:05:01 300 5.0",
        ]
    );
}

#[test]
fn both_hours_of_autumn_stand_in_their_place() {
    let folder = Folder::new();
    let mut text = HEADER.to_owned();
    for (time, zone, value) in [("01:55:00", "EDT", 1), ("01:00:00", "EST", 2)] {
        for fuel in FUELS {
            text += &format!("\n11/01/2026 {time},{zone},{fuel},{value}.0");
        }
    }
    let path = folder.add("a.csv", text);
    assert_eq!(inspect(&[&path], &[]).draw(), ["05:55:00 300 1.0", "06:00:00 300 2.0"]);
}

#[test]
fn folders_are_walked_by_name_and_other_files_are_named() {
    let folder = Folder::new();
    let day = |value: u32| file(&[("00:05:00", [value; 7])]);
    folder.add("b/20260310rtfuelmix.csv", day(2));
    folder.add("a/20260310rtfuelmix.csv", day(1));
    folder.add("c/deep/any name.csv", file(&[("00:10:00", [3; 7])]));
    folder.add("d/packed.csv.gz", gzip(&file(&[("00:15:00", [4; 7])])));
    let (fourth, fifth) = (file(&[("00:20:00", [5; 7])]), file(&[("00:25:00", [6; 7])]));
    folder.add(
        "e/20260301rtfuelmix_csv.zip",
        zip(&[
            ("20260311rtfuelmix.csv", fifth.as_str()),
            ("20260310rtfuelmix.csv", fourth.as_str()),
            ("readme.txt", "?"),
        ]),
    );
    folder.add("20260310isolf.csv", "\"Time Stamp\",\"Capitl\"");
    folder.add("20260301isolf_csv.zip", "not even a zip");
    folder.add("other.csv", "name,value\nx,1\n");
    folder.add("notes.md", "# notes");
    let printed = inspect(&[folder.0.path()], &[]);
    assert_eq!(
        printed.draw(),
        [
            "04:05:00 300 2.0",
            "04:10:00 300 3.0",
            "04:15:00 300 4.0",
            "04:20:00 300 5.0",
            "04:25:00 300 6.0",
        ]
    );
    for line in [
        "20260310isolf.csv: skipped, another feed of NYISO's",
        "20260301isolf_csv.zip: skipped, another feed of NYISO's",
        "other.csv: skipped, no fuel-mix file",
        "notes.md: skipped, neither csv, csv.gz nor zip",
        "20260301rtfuelmix_csv.zip: readme.txt: skipped, neither csv, csv.gz nor zip",
        "20260301rtfuelmix_csv.zip: 20260311rtfuelmix.csv: 1 of 1 instants belong to another day",
    ] {
        assert!(printed.log.contains(line), "{line:?} in\n{}", printed.log);
    }
}

#[test]
fn many_other_files_do_not_drown_the_oddities() {
    let folder = Folder::new();
    folder.add("20260310rtfuelmix.csv", file(&[("00:05:00", [1; 7])]));
    for number in 0..50 {
        folder.add(&format!("{number}.txt"), "");
    }
    let log = inspect(&[folder.0.path()], &[]).log;
    assert_eq!(log.matches("skipped, ").count(), 20);
    assert!(log.contains("and 30 more files skipped"), "{log}");
}

/// Exit code 2, nothing on stdout, and every file that is to blame on stderr.
#[track_caller]
fn check_unreadable(printed: &Printed, messages: &[&str]) {
    assert_eq!((printed.code, printed.out.as_str()), (2, ""), "{}", printed.log);
    for message in messages {
        assert!(printed.log.contains(message), "{message:?} in\n{}", printed.log);
    }
}

#[test]
fn an_unreadable_file_is_named_and_nothing_is_printed() {
    let folder = Folder::new();
    let good = folder.add("good.csv", file(&[("00:05:00", [1; 7])]));
    let html = folder.add("20260310rtfuelmix.csv", "<html>\n<h1>Sorry</h1>");
    let empty = folder.add("empty.csv", "");
    let header = folder.add("header.csv", "Time Stamp,Time Zone,Fuel Category,Gen GW");
    let absent = folder.path("absent.csv");
    let packed = gzip(&file(&[("00:05:00", [1; 7])]));
    let half = folder.add("half.csv.gz", &packed[..packed.len() / 2]);
    let bad_zip = folder.add("bad.zip", "PK\x03\x04 and nothing more");
    let no_mix = folder.add("no-mix.zip", zip(&[("20260310pal.csv", "a,b")]));
    let bad_day = folder.add("bad-day.zip", zip(&[("20260310rtfuelmix.csv", "oops")]));
    let paths = [&good, &html, &empty, &header, &absent, &half, &bad_zip, &no_mix, &bad_day];
    check_unreadable(
        &inspect(&paths, &[]),
        &[
            "20260310rtfuelmix.csv: an HTML page where a CSV file should be; it begins \"<html> ",
            "empty.csv: the file is empty: not even a header",
            "header.csv: no column \"Gen MW (or Gen MWh)\"",
            "absent.csv: cannot be opened: No such file or directory",
            "half.csv.gz: damaged or truncated gzip data",
            "bad.zip: not a readable zip archive",
            "no-mix.zip: no fuel mix in this archive",
            "bad-day.zip: 20260310rtfuelmix.csv: no column \"Time Stamp\"; the header is \"oops\"",
            "nothing printed",
        ],
    );
    // In a folder, the name is a promise.
    check_unreadable(&inspect(&[folder.0.path()], &[]), &["20260310rtfuelmix.csv: an HTML page"]);
}

#[test]
fn a_folder_without_a_fuel_mix_is_an_error() {
    let folder = Folder::new();
    folder.add("notes.md", "");
    check_unreadable(&inspect(&[folder.0.path()], &[]), &["no fuel-mix file", "notes.md"]);
}

#[test]
fn a_header_alone_is_a_day_that_has_not_begun() {
    let folder = Folder::new();
    let path = folder.add("20260310rtfuelmix.csv", HEADER);
    let printed = inspect(&[&path], &[]);
    assert_eq!((printed.code, printed.out.as_str()), (0, ""));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new();
    // More than any buffer holds, so that the pipe breaks in the middle.
    let stamps: Vec<String> =
        (0..3600).map(|second| format!("00:{:02}:{:02}", second / 60, second % 60)).collect();
    let instants: Vec<(&str, [u32; 7])> = stamps.iter().map(|ts| (ts.as_str(), [1; 7])).collect();
    let path = folder.add("a.csv", file(&instants));
    for format in ["jsonl", "csv", "table"] {
        let line = ["inspect".as_ref(), path.as_os_str(), "--format".as_ref(), format.as_ref()];
        let args = Command::try_parse_from(line).unwrap().args;
        let code = write(&args, Closed, Closed, ProgressDrawTarget::hidden()).unwrap();
        assert_eq!(code, 0, "{format}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new();
    let path = folder.add("a.csv", file(&[("00:05:00", [1; 7])]));
    let args = Command::try_parse_from(["inspect".as_ref(), path.as_os_str()]).unwrap().args;
    assert!(write(&args, Full, io::sink(), ProgressDrawTarget::hidden()).is_err());
}

#[test]
fn arguments_are_checked() {
    let refused = |line: &[&str]| Command::try_parse_from(line).err().unwrap().to_string();
    assert!(refused(&["inspect"]).contains("PATH"));
    assert!(refused(&["inspect", "a", "--factors", "ny-2030"]).contains("ny-power-2018"));
    assert!(refused(&["inspect", "a", "--format", "xml"]).contains("jsonl"));
}

/// The recorded years, where they are at hand: as many lines as instants, sorted, each once.
#[test]
fn all_recorded_days_are_printed() {
    let data = std::env::var_os("NY_POWER_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")),
        PathBuf::from,
    );
    let folder = data.join("rtfuelmix");
    if !folder.is_dir() {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", data.display());
        return;
    }
    let printed = inspect(&[&folder], &[]);
    assert_eq!(printed.code, 0, "{}", printed.log);
    let stamps = printed.out.lines().map(|line| &line[7..27]);
    assert_eq!(stamps.clone().count(), 271_613);
    assert!(stamps.is_sorted_by(|one, other| one < other));
    assert_eq!(printed.out.matches("\"complete\":true").count(), 271_613);
    assert_eq!(printed.log.matches("fuels given twice").count(), 17);
    assert!(printed.log.contains("20260914rtfuelmix_tail_excerpt.txt: skipped"), "{}", printed.log);
}
