//! Two chargers on one machine: two instances, as `ny-power-agent@.service` makes them.

use std::path::PathBuf;

use domain::control::Contactor;

use crate::program::{Home, command, output};

const SETTINGS: &str = "[feed]\nurl = \"mqtt://127.0.0.1:9\"\n[control]\nmin_off_secs = 1\nstart_grace_secs = 1\n\
                        tick_secs = 1\n";

#[test]
fn two_agents_with_two_states_drive_two_chargers() {
    let [garage, driveway] =
        [("now", Contactor::Closed), ("off", Contactor::Open)].map(|(mode, to)| {
            let home = Home::new(&format!("{SETTINGS}mode = \"{mode}\"\n"));
            (home.run(), home, to)
        });
    for (_agent, home, to) in [&garage, &driveway] {
        home.until("its own mode decides", |status| {
            status.position.as_deref() == Some(to.as_str())
        });
    }
    let pids = [&garage, &driveway].map(|(agent, home, _)| {
        let lock = home.config().with_file_name("state").join("agent.lock");
        let holder = std::fs::read_to_string(lock).unwrap();
        assert_eq!(holder.trim(), agent.pid().to_string());
        holder
    });
    assert_ne!(pids[0], pids[1]);

    // Settings of another name, the same state: refused, and neither charger moves.
    let copy = garage.1.config().with_file_name("copy.toml");
    std::fs::copy(garage.1.config(), &copy).unwrap();
    let (code, _, log) = output(command(&copy).arg("run"));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&format!("another agent (process {})", garage.0.pid())), "{log}");
    // A simulated relay that was never moved has no file: open.
    assert_eq!([garage.1.relay(), driveway.1.relay()], ["closed\n", ""]);
    assert_eq!(garage.0.stop(), Some(0), "{}", garage.1.log());
    assert_eq!(driveway.0.stop(), Some(0), "{}", driveway.1.log());
}

#[test]
fn the_state_of_an_instance_comes_from_systemd() {
    let home = Home::new("");
    let settings = home.config().with_file_name("garage.toml");
    std::fs::write(&settings, "").unwrap();
    let state = PathBuf::from("/var/lib/ny-power-agent-garage");
    let (code, stdout, stderr) =
        output(command(&settings).arg("check-config").env("STATE_DIRECTORY", &state));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(&format!("state_dir = {state:?}")), "{stdout}");
}
