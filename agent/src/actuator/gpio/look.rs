//! What there is of GPIO on this machine. Only looks: no line is requested, so none can move.

use std::path::PathBuf;

use super::{FoundChip, GpioError, locate};
use crate::config::GpioConfig;

/// A GPIO chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChipInfo {
    /// Its device.
    pub path: PathBuf,
    /// What the kernel calls it: the same for every board of a kind.
    pub label: String,
    /// Its lines, by offset.
    pub lines: Vec<LineInfo>,
}

/// A line of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineInfo {
    /// `GPIO17`; empty where the kernel knows none.
    pub name: String,
    /// Who has it, if anybody.
    pub consumer: Option<String>,
}

/// The line that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAt {
    /// Offset, name and chip, for a person.
    pub name: String,
    /// The chip's device.
    pub chip: PathBuf,
    /// Who has it, if anybody.
    pub consumer: Option<String>,
}

/// All chips that we may open.
///
/// # Errors
/// [`GpioError::Denied`] where there are some, and none of them may be opened.
pub fn gpio_chips() -> Result<Vec<ChipInfo>, GpioError> {
    let info = |chip: FoundChip| ChipInfo {
        path: chip.path,
        label: chip.label,
        lines: chip
            .lines
            .into_iter()
            .map(|line| LineInfo { name: line.name, consumer: line.consumer })
            .collect(),
    };
    Ok(FoundChip::all(None)?.into_iter().map(info).collect())
}

/// The line of these settings.
///
/// # Errors
/// [`GpioError`] says what there is instead.
pub fn find_line(config: &GpioConfig) -> Result<FoundAt, GpioError> {
    let found = FoundChip::all(config.chip.as_deref())?;
    let (chip, offset) = locate(&found, config.chip.as_deref(), &config.line)?;
    let line = &chip.lines[offset as usize];
    Ok(FoundAt {
        name: format!("{offset} ({}) of {chip}", line.label()),
        chip: chip.path.clone(),
        consumer: line.consumer.clone(),
    })
}
